"""Each environment variable is converted to its type. A bad value is refused in one line that names the variable."""

import pytest

from cashier_core import env

KEYS = {"CASHIER_SECRET_KEY": "s" * 40, "CASHIER_TICKET_KEY": "t" * 40}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [line.split("`")[1] for line in env.table().splitlines()[2:]]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def test_defaults_are_right_for_a_service_that_is_started_by_hand() -> None:
    web = env.read(env.WebEnvironment)

    assert web.redis_url == "redis://localhost:6379/0"
    assert web.cashier_open_buttons is False
    assert web.cashier_hosts == ("localhost", "127.0.0.1", "[::1]")


@pytest.mark.parametrize(
    "url",
    ["", "smtp://localhost:25", "smtp://[::1]:25", "smtp://anna%40example.com:a%2Fb@mail.example.com:587/?tls=True"],
)
def test_the_url_of_a_mail_server_may_contain_an_account_and_options(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("EMAIL_URL", url)

    assert env.read(env.WebEnvironment).email_url == url


def test_values_have_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASHIER_OPEN_BUTTONS", "yes")
    monkeypatch.setenv("CASHIER_WEB_WORKERS", "8")
    monkeypatch.setenv("CASHIER_HOSTS", "a.example,b.example")
    web = env.read(env.WebEnvironment)

    assert (web.cashier_open_buttons, web.cashier_web_workers) == (True, 8)
    assert web.cashier_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("REDIS_URL", "http://localhost", "must start with redis://"),
        ("REDIS_URL", "", "must start with redis://"),
        ("DATABASE_URL", "mysql://localhost/x", "must start with sqlite://"),
        ("DATABASE_URL", "postgres://u:p@a:5432,/x", "must be like postgres://user:password@host1:5432,host2:5432"),
        ("DATABASE_URL", "postgres://u:p@a:5432,b:port/x", "must be like postgres://"),
        ("DATABASE_URL", "postgres://u:p@a,b:99999/x", "must be like postgres://"),
        ("CASHIER_TICKET_KEY", "short", "at least 32 characters"),
        ("CASHIER_OPEN_BUTTONS", "perhaps", "Not a valid boolean"),
        ("CASHIER_WEB_WORKERS", "two", "Not a valid integer"),
        ("CASHIER_WEB_WORKERS", "0", "must be from 1 to 16"),
        ("CASHIER_LOG_LEVEL", "LOUD", "must be one of DEBUG"),
        ("CASHIER_HOSTS", "a.example,", "empty name"),
        ("EMAIL_URL", "mail.example.com", "must be like smtp://user:password@host:587"),
        ("EMAIL_URL", "smtps://mail.example.com", "must be like smtp://"),
        ("EMAIL_URL", "smtp://a:pass/word@mail.example.com", "must be like smtp://"),
        ("EMAIL_URL", "smtp://u:sec?ret@h:587", "must be like smtp://"),
        ("EMAIL_URL", "smtp://u:secret@h:99999", "must be like smtp://"),
        ("EMAIL_URL", "smtp://u:secret@h:587/?TLS=True", "must be like smtp://"),
        ("CASHIER_MEDIA_URL", "https://s3.example.com/bucket", "must be like s3://key:secret@host/bucket"),
        ("CASHIER_MEDIA_URL", "s3://s3.example.com/bucket", "must be like s3://"),
        ("CASHIER_MEDIA_URL", "s3://key:sec/ret@s3.example.com/bucket", "must be like s3://"),
        ("CASHIER_MEDIA_URL", "s3://key:secret@s3.example.com", "must be like s3://"),
        ("CASHIER_MEDIA_URL", "s3://key:secret@s3.example.com:99999/bucket", "must be like s3://"),
        ("CASHIER_MEDIA_URL", "s3://key:secret@s3.example.com/bucket?Region=x", "must be like s3://"),
        ("CASHIER_SITE", "queue.example.com", "must be like https://queue.example.com"),
        ("CASHIER_SITE", "https://example.com/queue", "must be like https://"),
    ],
)
def test_a_bad_value_names_its_variable_and_the_fault(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(env.BadEnvironment) as caught:
        env.read(env.WebEnvironment)

    line = str(caught.value)
    assert line.startswith(f"cashier_q: {name}: ")
    assert fault in line
    assert "\n" not in line


@pytest.mark.parametrize("name", KEYS)
def test_a_missing_key_is_reported_with_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(env.BadEnvironment, match=f"{name}: required, but not set"):
        env.read(env.WebEnvironment)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3://key:secret@s3.eu-central-1.amazonaws.com/bucket?region=eu-central-1",
        "s3://key:sec%2Fret@10.0.0.5:9000/bucket.of-media?tls=False",
        "s3://key:secret@[2001:db8::1]:9000/bucket?region=x&tls=True",
    ],
)
def test_the_url_of_a_bucket_is_read(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CASHIER_MEDIA_URL", url)

    assert env.read(env.WebEnvironment).cashier_media_url == url


def test_a_secret_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "key").write_text("f" * 40 + "\n")
    monkeypatch.delenv("CASHIER_TICKET_KEY")
    monkeypatch.setenv("CASHIER_TICKET_KEY_FILE", str(tmp_path / "key"))

    assert env.read(env.WsEnvironment).cashier_ticket_key == "f" * 40


def test_a_missing_file_is_reported_with_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.delenv("CASHIER_TICKET_KEY")
    monkeypatch.setenv("CASHIER_TICKET_KEY_FILE", str(tmp_path / "nowhere"))

    with pytest.raises(env.BadEnvironment, match=r"CASHIER_TICKET_KEY: .*CASHIER_TICKET_KEY_FILE must be a readable"):
        env.read(env.WsEnvironment)


def test_a_value_and_a_file_for_the_same_variable_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("CASHIER_TICKET_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(env.BadEnvironment, match="CASHIER_TICKET_KEY: set together with CASHIER_TICKET_KEY_FILE"):
        env.read(env.WsEnvironment)


def test_secrets_do_not_appear_in_messages_or_in_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "s" * 40 not in repr(env.read(env.WebEnvironment))
    monkeypatch.setenv("CASHIER_SECRET_KEY", "too-short")

    with pytest.raises(env.BadEnvironment) as caught:
        env.read(env.WebEnvironment)

    assert "too-short" not in str(caught.value)
