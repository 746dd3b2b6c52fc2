"""The judge: decides from outside what became of every contribution; shares no code with them."""
