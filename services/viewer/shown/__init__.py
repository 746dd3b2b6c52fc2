"""What a screen shows of an answer: pure, from JSON and the declared words to what is laid out."""
