"""How fast the zoo trains, against loops written by hand in the same run."""
