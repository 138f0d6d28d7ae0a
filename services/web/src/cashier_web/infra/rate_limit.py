"""Limits how often somebody may do something. Redis counts the attempts for all worker processes together."""

import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerSecond

from cashier_web.infra.redis_clients import the_guess_counter, the_limiter


def seconds_until_allowed(action: str, actor: str, *, most: int, seconds: int) -> int:
    """Return 0 if the actor may do the action now, otherwise the number of seconds until the actor may try again.

    An actor, for example a person or a device, may do the action at most `most` times in `seconds` seconds. Only
    allowed actions are counted, so that an actor who tries again and again is not locked out for ever. Raises
    RedisError if Redis does not answer.
    """
    limiter = the_limiter()
    limit = RateLimitItemPerSecond(most, seconds)
    if limiter.hit(limit, action, actor):
        return 0
    left = math.ceil(limiter.get_window_stats(limit, action, actor).reset_time - time.time())
    if left > seconds:
        # This host's clock was set back after the actor's last action. Without the line `clear`, the actor would have
        # to wait until the clock shows the time of that action again.
        limiter.clear(limit, action, actor)
        return 0
    return max(1, left)


def is_exhausted(action: str, actor: str, *, most: int, seconds: int) -> bool:
    """Return whether `seconds_until_allowed` would refuse the action. The action is not counted."""
    return not the_limiter().test(RateLimitItemPerSecond(most, seconds), action, actor)


@dataclass(frozen=True)
class GuessLimit:
    """A limit of wrong guesses of a secret, for example of a password. Right guesses do not count.

    action: what is guessed. most: how many wrong guesses one actor may make in `seconds` seconds. The time begins with
    the first wrong guess. An actor is for example a person, a store or an address.
    """

    action: str
    most: int
    seconds: int

    def _item(self) -> RateLimitItemPerSecond:
        return RateLimitItemPerSecond(self.most, self.seconds)

    def count(self, actor: str) -> int:
        """Count a guess before it is checked. Return 0 if it may be checked, otherwise the seconds until the next try.

        The guess is counted first, so that many guesses at the same moment cannot exceed the limit. Raises RedisError
        if Redis does not answer.
        """
        counter = the_guess_counter()
        if counter.hit(self._item(), self.action, actor):
            return 0
        left = math.ceil(counter.get_window_stats(self._item(), self.action, actor).reset_time - time.time())
        if left > self.seconds:
            # The clock of Redis was set back after the first wrong guess, so the count would exist for too long.
            counter.clear(self._item(), self.action, actor)
            return self.count(actor)
        return max(1, left)

    def forget(self, actor: str) -> None:
        """Take back one `count`, because the guess was right. Earlier wrong guesses still count.

        If a right guess took back all earlier guesses, somebody could guess without a limit: after every few wrong
        guesses, he would enter a secret that he already knows.
        """
        the_guess_counter().hit(self._item(), self.action, actor, cost=-1)


Guesser = tuple[GuessLimit, str]
"""A limit, and the actor to whom it applies."""


def seconds_until_guess(*guessers: Guesser) -> int:
    """Count a guess for several actors. Return 0 if it may be checked, otherwise the seconds until the next try.

    A guess that exceeds the limit of one actor does not count for the other actors. For example, a person who has used
    up his own limit cannot use up the limit of his store. Raises RedisError if Redis does not answer.
    """
    counted: list[Guesser] = []
    for limit, actor in guessers:
        if seconds := limit.count(actor):
            # This guess is refused, and nobody checks whether it is right. Therefore it must not count for the actors
            # in `counted`.
            forget_guess(*counted)
            return seconds
        counted.append((limit, actor))
    return 0


def forget_guess(*guessers: Guesser) -> None:
    """Take back one guess of each of these actors, because the guess was right. Raises RedisError."""
    for limit, actor in guessers:
        limit.forget(actor)
