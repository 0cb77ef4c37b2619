"""Result rows, which of them belong together, and the comparison of two runs."""
