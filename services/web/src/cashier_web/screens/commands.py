"""Sends commands to single screens: show the name, load the page again, make a test call.

All functions raise RedisError if Redis does not answer. If the screen is not connected, the command is lost.
"""

from django.utils import translation
from django.utils.translation import gettext as _

from cashier_core.screen_commands import Action, ScreenCommand, send_command
from cashier_web.infra.redis_clients import the_redis
from cashier_web.models import Screen


def identify(screen: Screen) -> None:
    """Show the name of the screen on the screen, except during calls."""
    send_command(the_redis(), ScreenCommand(screen.credential_id, Action.IDENTIFY, screen.name))


def reload(screen: Screen) -> None:
    """Load the page of the screen again, between two calls."""
    send_command(the_redis(), ScreenCommand(screen.credential_id, Action.RELOAD))


def make_test_call(screen: Screen) -> None:
    """Show the word "Test" for three seconds on this screen only, with the sound of a call.

    The test is no call: it is not in the timeline of the store, so it is in no history and in no statistics.
    """
    with translation.override(screen.store.language if screen.store else None):
        send_command(the_redis(), ScreenCommand(screen.credential_id, Action.TEST, _("Test")))
