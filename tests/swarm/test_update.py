"""`make swarm-update` replaces one container after another. A version that does not work is undone."""

import asyncio

import pytest

from tests.support.cluster_load import LEFT_SOCKETS, ClusterLoad
from tests.support.compose_stack import Failed

pytestmark = [pytest.mark.anyio, LEFT_SOCKETS]


async def test_an_update_loses_no_press_and_closes_screens_with_code_1012(cluster, stores) -> None:
    # Each image contains its version as a label, so all images are new.
    await asyncio.to_thread(cluster.build, "two")
    async with ClusterLoad(cluster.urls, stores) as load:
        output = await asyncio.to_thread(cluster.make, "swarm-update")

    assert "Deploying ws" in output
    assert not load.refused_seconds(), load.costs()
    assert load.faults() == []
    assert not load.doubled()
    assert {each.code for screen in load.screens for each in screen.connections if each.code} == {1012}, load.costs()
    assert max(seconds for screen in load.screens for seconds in screen.seconds_away()) < 4, load.costs()


async def test_a_version_that_does_not_start_is_undone_unnoticed(cluster, stores) -> None:
    working = cluster.tag
    # ws has a new version, too, which works. It must be undone, when press does not start.
    source = cluster.clone.folder / "services/web/src/cashier_web/gunicorn_conf.py"
    before = source.read_text()
    source.write_text("raise SystemExit('this version does not start')\n")
    await asyncio.to_thread(cluster.build, "broken", ("web", "ws"))
    async with ClusterLoad(cluster.urls, stores) as load:
        with pytest.raises(Failed, match="The services have their previous version again"):
            await asyncio.to_thread(cluster.make, "swarm-update")
    source.write_text(before)
    cluster.tag = working

    assert not load.refused_seconds(), load.costs()
    assert load.faults() == []
    # The new ws started, and was replaced by the old one again.
    assert {each.code for screen in load.screens for each in screen.connections if each.code} <= {1012}, load.costs()
    assert max((seconds for screen in load.screens for seconds in screen.seconds_away()), default=0) < 4, load.costs()
