"""The page of `zoo demo`: draws, restores and compares in the browser, on this machine only.

What it computes is in `drawing` and `restoring`, which take and return arrays; only `page` and
`serving` know Gradio.
"""
