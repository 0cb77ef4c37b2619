"""Options that take several values: `--backend jax torch`, `--backend jax,torch`, or repeated."""


def spread(arguments, options):
    """Gives each value its own flag, which is what Typer understands.

    Args:
        arguments: list of str, a command line without positional arguments.
        options: names of the options that take several values, `--backend` for example.

    Returns:
        A list of str.

    Example:

    >>> spread(["--backend", "jax", "torch", "--quick"], ["--backend"])
    ['--backend', 'jax', '--backend', 'torch', '--quick']
    """
    result, flag = [], None
    for argument in arguments:
        name, _, values = argument.partition("=")
        if name in options:
            flag = name
        elif argument.startswith("-"):
            flag = None
        else:
            values = argument
        if flag is None:
            result.append(argument)
        elif values:
            result += [part for value in values.split(",") for part in (flag, value)]
    return result
