"""The screens: pages made on the server, from what the APIs of the plan and the audit answer."""
