"""A simple button can only open an address. Whoever else opens this address calls nobody.

A simple button that sends its press twice calls once.
"""

import pytest

from cashier_core import timeline
from cashier_web.models import Device
from tests.support.stores import change_stores

pytestmark = pytest.mark.django_db

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
PREVIEWS = [
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0 A",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slack-ImgProxy (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
    "Twitterbot/1.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0; Pro)",
    "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Google-PageRenderer Google (+https://developers.google.com/+/web/snippet/)",
    "Mozilla/5.0 (compatible; Google-InspectionTool/1.0;)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) (Applebot/0.1)",
    # iMessage sends the following header when it makes a preview.
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 "
    "Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Pinterest/0.2 (+http://www.pinterest.com/)",
    "Mattermost-Bot/1.1",
    "Synapse (bot; +https://github.com/matrix-org/synapse)",
    "http.rb/5.1.1 (Mastodon/4.2.0; +https://mastodon.example/)",
    "Mozilla/5.0 (compatible; Embedly/0.2; +http://support.embed.ly/)",
    "kakaotalk-scrap/1.0",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0)",
]
WITHOUT_PURPOSE = [
    *({"User-Agent": agent} for agent in PREVIEWS),
    {"User-Agent": CHROME, "Sec-Purpose": "prefetch"},
    {"User-Agent": CHROME, "Sec-Purpose": "prefetch;prerender"},
    {"User-Agent": CHROME, "Sec-Purpose": "prefetch;anonymous-client-ip"},
    {"User-Agent": CHROME, "Purpose": "prefetch"},
    {"User-Agent": CHROME, "X-Purpose": "preview"},
    {"User-Agent": CHROME, "X-Moz": "prefetch"},
    {"User-Agent": CHROME, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"},
    {"User-Agent": CHROME, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"User-Agent": CHROME, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"User-Agent": CHROME, "Upgrade-Insecure-Requests": "1"},
]
BUTTONS = [
    {},
    {"User-Agent": "Shelly/20230913-114244 (SHSW-1)"},
    {"User-Agent": "ESP32HTTPClient"},
    {"User-Agent": "curl/8.5.0"},
    {"User-Agent": "HomeAssistant/2025.1.0 aiohttp/3.11.11 Python/3.13"},
    {"User-Agent": "python-requests/2.32.3"},
    {"User-Agent": "node-fetch"},
    {"User-Agent": "BackgroundShortcutRunner/3302.0.4 CFNetwork/1568.200.51 Darwin/24.1.0"},
    {"User-Agent": "Dalvik/2.1.0 (Linux; U; Android 9; CUBOT NOTE 20)"},
    {"User-Agent": "Mozilla/5.0 (compatible; Google-Apps-Script; beanserver; +https://script.google.com)"},
    {"User-Agent": CHROME},
    {"User-Agent": CHROME, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
]


def address(button) -> str:
    return f"/api/v1/press?token={button.token}"


@pytest.mark.parametrize("headers", WITHOUT_PURPOSE, ids=str)
def test_a_preview_and_a_browser_call_nobody_and_get_the_reason(client, make_button, redis, headers) -> None:
    answer = client.get(address(make_button(till=3)), headers=headers)

    assert answer.status_code == 403
    assert answer.json() == {
        "detail": "Nobody was called: this request looks like a link preview or a browser. "
        "A device can send POST instead of GET."
    }
    assert "no-store" in answer["Cache-Control"]
    assert redis.keys("cashier:{*") == []
    assert Device.objects.get().used_at is None


@pytest.mark.parametrize("headers", BUTTONS, ids=str)
def test_a_button_and_a_script_call(client, make_button, headers) -> None:
    assert client.get(address(make_button(till=3)), headers=headers).json()["text"] == "Nº3 called"


@pytest.mark.parametrize("headers", WITHOUT_PURPOSE[::5], ids=str)
def test_a_post_request_calls_whoever_sends_it(client, make_button, headers) -> None:
    assert client.post(address(make_button(till=3)), headers=headers).status_code == 201


def test_a_button_calls_again_after_the_clock_of_redis_was_set_back(client, make_button, redis) -> None:
    button = make_button(till=3)
    client.get(address(button))
    (key,) = redis.keys("cashier:{*}:button:*")
    # A key expires at a time of the day. If the clock is set back by an hour, the key lives an hour longer.
    redis.expire(key, 3600)

    first, second = (client.get(address(button)).json()["seq"] for _ in range(2))
    assert first == second == 2
    assert redis.ttl(key) <= 1


@pytest.mark.parametrize("policy", ["queue", "replace"])
@pytest.mark.parametrize("methods", [("get", "get"), ("post", "get"), ("get", "post", "get")], ids=" ".join)
def test_requests_of_one_button_within_a_second_are_one_press(client, make_button, redis, methods, policy) -> None:
    change_stores(policy=policy)
    button = make_button(till=3)
    answers = [getattr(client, method)(address(button)) for method in methods]

    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert redis.hget("cashier:{default}:store", "seq") == b"1"
    assert redis.xlen("cashier:history") == 1


def test_after_a_second_a_button_presses_again(client, make_button, redis) -> None:
    button = make_button(till=3)
    client.get(address(button))
    (key,) = redis.keys("cashier:{default}:button:*")
    assert 0 < redis.pttl(key) <= timeline.ONE_PRESS_SECONDS * 1000 == 1000

    redis.delete(key)  # Redis deletes the key after a second. The test does not wait for this.
    assert client.get(address(button)).json()["outcome"] == "stays up"


def test_a_press_that_nginx_sends_again_after_a_second_is_still_one_press(client, make_button, redis) -> None:
    button, headers = make_button(till=3), {"X-Request-ID": "a" * 32}
    first = client.get(address(button), headers=headers)
    redis.delete(*redis.keys("cashier:{default}:button:*"))

    assert client.get(address(button), headers=headers).content == first.content
    assert redis.hget("cashier:{default}:store", "seq") == b"1"


def test_two_buttons_of_one_till_are_two_presses(client, make_button) -> None:
    outcomes = [client.get(address(make_button(till=3))).json()["outcome"] for _ in range(2)]

    assert outcomes == ["called", "stays up"]


def test_a_press_that_was_refused_can_be_repeated_at_once(client, make_button) -> None:
    button = make_button(till=3)
    change_stores(is_open=False)
    assert client.get(address(button)).status_code == 409

    change_stores(is_open=True)
    assert client.get(address(button)).status_code == 201


def test_a_press_that_a_redirect_has_turned_into_a_get_request_is_refused(client, make_button) -> None:
    """A device sent the press to http:// with POST and followed the redirect to https://."""
    button = make_button(till=3)
    answer = client.get("/api/v1/stores/default/calls", headers=button.headers(**{"Idempotency-Key": "a"}))

    assert answer.status_code == 400
    assert "Nobody was called: a press must be sent with POST." in answer.json()["detail"]
