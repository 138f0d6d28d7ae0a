"""The command that starts a replica: `python -m cashier_ws -b 0.0.0.0 -p 9000`. It has the options of Daphne."""

from cashier_ws.daphne.server import main

if __name__ == "__main__":
    main()
