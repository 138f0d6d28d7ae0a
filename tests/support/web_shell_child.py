"""The child process of `WebShell`: calls functions of web_functions.py that standard input asks for."""

import contextlib
import importlib
import json
import sys
import traceback

import django


def main() -> None:
    """Answer each line, a JSON list of function name and arguments, with a JSON list of result and traceback."""
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
