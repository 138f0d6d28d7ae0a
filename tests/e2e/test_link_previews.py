"""A real browser that prefetches, embeds or opens the address of a simple button calls nobody."""

import httpx

from tests.e2e.conftest import wait_until


def test_a_browser_that_loads_the_address_of_a_button_by_itself_calls_nobody(topology, make_store, open_page) -> None:
    slug = make_store()
    (token,) = topology.shell.call("add_devices", store=slug, till=3)
    address = f"{topology.url}/api/v1/press?token={token}"
    page = open_page("about:blank")
    html = f'<link rel="prefetch" href="{address}&a"><img src="{address}&b"><iframe src="{address}&c"></iframe>'
    page.route("**/page_of_a_chat", lambda route: route.fulfill(content_type="text/html", body=html))
    statuses = []
    page.on("response", lambda response: "token=" in response.url and statuses.append(response.status))
    page.goto(f"{topology.url}/page_of_a_chat")
    wait_until(page, lambda: len(statuses) >= 3, "the browser has loaded the address three times")
    open_page.errors.clear()  # The browser reports that it does not show the answer in a frame.
    opened = page.goto(address)

    assert statuses == [403] * 4
    assert "looks like a link preview or a browser" in opened.json()["detail"]
    assert httpx.get(address).json()["seq"] == 1, "the device itself calls"
