"""Stores which messages arrive on the benchmark's screens while a press is measured."""

import asyncio

from loadtests.clients.websocket_frames import NUMBER


class ExpectedText:
    """A text that a given number of screens must receive. The object records which screens have received the text."""

    def __init__(self, text: bytes, screens: int) -> None:
        self.text, self.screens = text, screens
        self._seen: set[int] = set()
        self._complete = asyncio.Event()

    def add(self, number: int) -> None:
        """Record that a screen has received the text. number: the number of the screen."""
        self._seen.add(number)
        if len(self._seen) == self.screens:
            self._complete.set()

    async def on_all_screens(self, seconds: float) -> None:
        """Wait until all screens have received the text `self.text`.

        Raises TimeoutError if this takes longer than `seconds` seconds.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._complete.wait()
        except TimeoutError:
            missing = self.screens - len(self._seen)
            raise TimeoutError(f"{missing} of {self.screens} screens did not get {self.text.decode()}") from None


class Arrivals:
    """The messages that the screens have received since `expect` was called.

    Nothing is stored while no text is expected. expected: the texts that must arrive. messages: (time of arrival,
    number of the screen, message).
    """

    def __init__(self) -> None:
        self.expected: list[ExpectedText] = []
        self.messages: list[tuple[float, int, bytes]] = []

    def expect(self, *texts: bytes, screens: int) -> list[ExpectedText]:
        """Forget all messages. From now on, expect that each of the `texts` arrives on `screens` screens."""
        self.messages.clear()
        self.expected = [ExpectedText(text, screens) for text in texts]
        return self.expected

    def times_of(self, till: int) -> dict[int, list[float]]:
        """Return, for each screen, the times at which it received the number of a till.

        A system that works correctly sends the number once to each screen.
        """
        times: dict[int, list[float]] = {}
        for at, screen, text in self.messages:
            number = NUMBER.search(text)
            if number and int(number[1]) == till:
                times.setdefault(screen, []).append(at)
        return times
