"""A screen on a board, for tests that need no websocket."""

from cashier_ws.boards.frames import Frame
from cashier_ws.boards.reports import Reporter


class SilentScreen:
    """A screen on a board, which shows nothing. credential_id: the credential id of a paired screen."""

    def __init__(self, credential_id: str = "") -> None:
        self.reporter = Reporter(credential_id, 0.0)

    def send(self, frame: Frame) -> None:
        pass

    def send_if_clear(self, frame: Frame) -> None:
        pass

    def close(self) -> None:
        pass
