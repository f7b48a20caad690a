"""What pg2es knows without talking to a server: the models, the SQL text, the rules."""
