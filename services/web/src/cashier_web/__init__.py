"""The HTTP service: pages, buttons, presses, stores."""
