"""An operator starts a run on Locust's web page. The run puts load on the stack, and the page shows its verdict."""

import httpx

from cashier_local.ports import free_port, responds, wait_until

RUN_SECONDS = 120


def test_a_run_from_locusts_page_has_a_verdict_without_errors(stack) -> None:
    page = f"http://127.0.0.1:{free_port()}"
    port = page.rpartition(":")[2]
    stack.make("locust", LOAD_HOST=stack.url, LOAD_PAGE_PORT=port, LOAD_PROFILE="smoke")
    try:
        wait_until(lambda: responds(page), 30, "Locust's page answers")
        with httpx.Client(base_url=page, timeout=30) as browser:
            assert browser.get("/verdict").status_code == 404, "there has been no run yet"
            wait_until(lambda: browser.get("/stats/requests").json()["state"] == "ready", 30, "Locust is ready")
            # On Locust's page, the form for a new run already contains the values of the load profile.
            form = {"user_count": 50, "spawn_rate": 200, "host": stack.url, "run_time": "46s"}
            for value in ('"num_users": 50', '"run_time": 46', f'"host": "{stack.url}"'):
                assert value in browser.get("/").text, value
            assert browser.post("/swarm", data=form).json()["success"]
            wait_until(
                lambda: browser.get("/stats/requests").json()["state"] == "stopped", RUN_SECONDS, "the run has ended"
            )
            verdict = browser.get("/verdict").text
        assert "<h1>smoke: " in verdict
        assert "50 screens in 1 store" in verdict
        assert "<h2>Faults" not in verdict
        container = stack.inspect(stack.compose("--profile", "load", "ps", "--quiet", "load").strip())
        assert container["Config"]["User"] == "10001:10001"
        assert container["HostConfig"]["ReadonlyRootfs"]
    finally:
        stack.compose("--profile", "load", "rm", "--stop", "--force", "load")
