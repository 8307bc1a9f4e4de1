"""What a model hears: sound files as the numbers it is fed, and moments of them as tokens."""
