"""The child process of `WebShell`. It calls functions of web_functions.py when `WebShell` asks for them."""

import contextlib
import importlib
import json
import sys
import traceback

import django


def main() -> None:
    """Read requests from standard input and print answers, one per line.

    A request is a JSON list of the name of a function and its arguments. An answer is a JSON list of the function's
    result and its traceback, which is empty if the function succeeded.
    """
    django.setup()
    functions = importlib.import_module("tests.support.web_functions")
    for line in sys.stdin:
        name, arguments = json.loads(line)
        result, error = None, ""
        try:
            with contextlib.redirect_stdout(sys.stderr):
                result = getattr(functions, name)(**arguments)
        except Exception:
            error = traceback.format_exc()
        print(json.dumps([result, error]), flush=True)


if __name__ == "__main__":
    main()
