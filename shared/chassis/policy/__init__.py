"""Who may do what, decided on local copies."""
