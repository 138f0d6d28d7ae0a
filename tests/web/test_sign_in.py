"""People sign in with a username and a password.

The tests also cover the lock-out after wrong passwords, the hashes of passwords, the end of a session, and how a person
changes a password.
"""

import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from cashier_core.call import LANGUAGES
from cashier_web import settings as web_settings
from cashier_web.models import Membership, Role, Store

pytestmark = pytest.mark.django_db
PASSWORD = "secret enough"


@pytest.fixture
def anna(store, environment) -> User:
    environment(cashier_open_buttons=False)
    anna = User.objects.create_user("anna", password=PASSWORD)
    Membership.objects.create(person=anna, store=store, role=Role.MANAGER)
    return anna


def sign_in(password=PASSWORD, *, username="anna", address="192.0.2.1", page="/sign_in"):
    fields = {"username": username, "password": password}
    return Client().post(page, fields, headers={"x-forwarded-for": address})


@pytest.mark.usefixtures("anna")
def test_signing_in_redirects_to_the_persons_stores() -> None:
    response = sign_in()
    assert (response.status_code, response["Location"]) == (302, "/stores")


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize("page", ["/sign_in", "/admin/login/"])
def test_after_five_wrong_passwords_the_right_one_is_refused_for_15_minutes(page) -> None:
    answers = [sign_in("wrong", page=page).status_code for _ in range(5)]
    locked = sign_in(page=page)

    assert answers[:4] == [200] * 4
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes" in locked.content.decode()


@pytest.mark.usefixtures("anna")
def test_attempts_during_a_lock_out_do_not_prolong_it_and_are_not_stored() -> None:
    for _ in range(5):
        sign_in("wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    before = AccessAttempt.objects.values().get()
    for password in ("wrong", PASSWORD):
        assert sign_in(password).status_code == 429
    assert AccessAttempt.objects.values().get() == before

    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert sign_in().status_code == 302


def test_a_signed_in_person_is_not_redirected_back_to_the_sign_in(client, anna) -> None:
    client.force_login(anna)

    assert client.get("/sign_in?next=/sign_in")["Location"] == "/stores"
    assert client.get("/sign_in?next=https://evil.example/")["Location"] == "/stores"


@pytest.mark.usefixtures("anna")
def test_a_lock_out_concerns_only_one_username_from_one_address() -> None:
    User.objects.create_user("bert", password=PASSWORD)
    for _ in range(6):
        sign_in("wrong")

    assert sign_in(address="192.0.2.2").status_code == 302
    assert sign_in(username="bert").status_code == 302


@pytest.mark.usefixtures("anna")
def test_a_right_password_resets_the_count_of_wrong_passwords() -> None:
    for _ in range(3):
        assert [sign_in("wrong").status_code for _ in range(4)] == [200] * 4
        assert sign_in().status_code == 302


def test_passwords_are_hashed_with_argon2_and_older_hashes_are_replaced(anna, settings) -> None:
    settings.PASSWORD_HASHERS = web_settings.PASSWORD_HASHERS
    anna.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    anna.save()
    assert sign_in().status_code == 302

    anna.refresh_from_db()
    assert anna.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_session_ends_after_twelve_hours_and_is_then_deleted(client, anna) -> None:
    client.force_login(anna)
    time_left = Session.objects.get().expire_date - timezone.now()
    assert timedelta(hours=11.9) < time_left <= timedelta(hours=12)

    soon = timezone.now() + timedelta(minutes=1)
    session = client.session
    session.set_expiry(soon)
    session.save()
    client.post("/till", {"till": "1"})
    assert abs(Session.objects.get().expire_date - soon) < timedelta(seconds=1), (
        "the session must not last longer because it was saved"
    )

    session.set_expiry(timezone.now() - timedelta(seconds=1))
    session.save()
    assert client.get("/cashier_buttons")["Location"].startswith("/sign_in")
    sign_in()
    assert Session.objects.count() == 1


def test_a_changed_password_ends_the_persons_other_sessions(client, anna) -> None:
    other = Client()
    for each in (client, other):
        each.force_login(anna)
    fields = {"old_password": PASSWORD, "new_password1": "another secret", "new_password2": "another secret"}
    response = client.post("/password", fields)

    assert (response.status_code, response["Location"]) == (302, "/stores")
    assert "The password was changed." in client.get("/cashier_buttons").content.decode()
    assert other.get("/cashier_buttons").status_code == 302
    assert sign_in("another secret").status_code == 302


@pytest.mark.parametrize("new", ["short", "password1234", "anna"])
def test_a_bad_new_password_is_refused_with_a_reason(client, anna, new) -> None:
    client.force_login(anna)
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    assert "errorlist" in client.post("/password", fields).content.decode()
    assert sign_in().status_code == 302


def test_a_person_may_have_several_stores_but_one_role_in_each(anna, store) -> None:
    Membership.objects.create(person=anna, store=Store.objects.create(slug="north-7", name="North"))

    assert anna.memberships.count() == 2


def reasons_in(language: str) -> list[str]:
    """Return the reasons that web gives when it refuses a password, in the given language.

    To get the reasons, the function signs in with a wrong password, and then tries to choose three bad passwords.
    """
    User.objects.create_user("anna", password=PASSWORD)
    client = Client(headers={"accept-language": language})
    answers = [client.post("/sign_in", {"username": "anna", "password": "wrong"})]
    client.force_login(User.objects.get())
    for new in ("anna", "password", ""):
        fields = {"old_password": "wrong", "new_password1": new, "new_password2": f"{new} other"}
        answers.append(client.post("/password", fields))
    User.objects.all().delete()
    return [reason for answer in answers for reason in re.findall(r"<li>(.*?)</li>", answer.content.decode(), re.S)]


@pytest.mark.parametrize("language", sorted(LANGUAGES.keys() - {"en"}))
def test_every_reason_for_refusing_a_password_is_translated(language) -> None:
    english, translated = reasons_in("en"), reasons_in(language)

    assert len(translated) == len(english) >= 6
    assert [reason for reason in translated if reason in english] == []
