"""The command that starts a replica, for example `python -m cashier_ws -b 0.0.0.0 -p 9000`, with Daphne's options."""

from cashier_ws.daphne.server import main

if __name__ == "__main__":
    main()
