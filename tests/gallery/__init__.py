"""Every page in every state that a person can see, and what is looked at there: access, layout, policy, pictures."""
