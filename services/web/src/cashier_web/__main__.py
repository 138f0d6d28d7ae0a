"""`python -m cashier_web`: Django's commands (migrate, collectstatic, createsuperuser, ...)."""

import sys

from django.core.management import execute_from_command_line

from cashier_core import env

env.use_settings("cashier_web.settings")
execute_from_command_line(["cashier_web", *sys.argv[1:]])
