"""The command that starts a replica, for example `python -m cashier_ws -b 0.0.0.0 -p 9000`, with Daphne's options."""

from cashier_ws.watchdog import Watchdog


def main() -> None:
    """Run a replica, with a watchdog, until it is stopped."""
    watchdog = Watchdog()
    # The import comes after the start of the watchdog, because the module imports most of the program.
    from cashier_ws.daphne import server  # noqa: PLC0415

    server.main(watchdog)


if __name__ == "__main__":
    main()
