"""What the demonstration is made of: the steps of a story, the stories, and the keys and hardware for trying."""
