"""A model of rule 13 of the refresh protocol: a standby is promoted, and every document becomes right again.

One root and its document. Transactions commit on the old primary; a standby that has a part of them becomes the
primary, whose LSNs go on from there and so repeat. `explore` looks at every order in which things can happen and
returns how a document stays wrong, None where that cannot be. Each rule can be left out, to see what it is for.

    epoch      the adoption raises the epoch, which goes before the LSN in each version
    stop       sinks are stopped and read the new epoch; without it they go on with the old one
    offset     the source goes back to what the slot of the new primary has confirmed
    compare    after the adoption both sides are compared, behind the barrier
    again      … and once more when no write of the old epoch can be on its way
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

Value = int | None
Version = tuple[int, int]
"""Epoch and LSN."""

OLD, NEW, ADOPTED = "old", "new", "adopted"


@dataclass(frozen=True)
class Rules:
    """Which rules hold, and how much happens: commits before and after the promotion, writers beside the sink."""

    epoch: bool = True
    stop: bool = True
    offset: bool = True
    compare: bool = True
    again: bool = True
    commits_before: int = 1
    commits_after: int = 1
    jobs: int = 1


class Task(NamedTuple):
    """A writer that has its version, and reads next. `old`: its session is one to the old primary."""

    version: Version
    sink: bool
    old: bool


class Write(NamedTuple):
    """A document on its way to Elasticsearch."""

    version: Version
    value: Value


class World(NamedTuple):
    """What is the case. `log`: the commits of this timeline, with their LSNs; `document`: None where there was none."""

    phase: str
    first: Value
    log: tuple[tuple[int, Value], ...]
    lsn: int
    old_value: Value
    commits_before: int
    commits_after: int
    offset: int
    confirmed: int
    events: int
    sink_epoch: int
    jobs: int
    tasks: tuple[Task, ...]
    net: tuple[Write, ...]
    document: tuple[Version, Value] | None
    compared: int  # 1: once; 2: and nothing of the old epoch is on its way any more; 3: twice

    @property
    def value(self) -> Value:
        """The row on the primary."""
        return self.log[-1][1] if self.log else self.first


def explore(rules: Rules) -> list[str] | None:
    """Return the shortest way to a document that stays wrong, None when there is none."""
    before: dict[World, tuple[World, str] | None] = {}
    queue: deque[World] = deque()
    for first in (None, 0):
        document = None if first is None else ((0, 0), first)
        start = World(
            phase=OLD,
            first=first,
            log=(),
            lsn=0,
            old_value=None,
            commits_before=rules.commits_before,
            commits_after=rules.commits_after,
            offset=0,
            confirmed=0,
            events=0,
            sink_epoch=0,
            jobs=rules.jobs,
            tasks=(),
            net=(),
            document=document,
            compared=0,
        )
        before[start] = None
        queue.append(start)
    while queue:
        world = queue.popleft()
        followers = list(_follow(rules, world))
        if _is_over(rules, world) and (world.document[1] if world.document else None) != world.value:
            return _path(before, world)
        for step, follower in followers:
            if follower not in before:
                before[follower] = (world, step)
                queue.append(follower)
    return None


def _path(before: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    steps = [f"and so it stays: row {world.value}, document {world.document}"]
    while link := before[world]:
        world, step = link
        steps.append(step)
    return steps[::-1]


def _is_over(rules: Rules, world: World) -> bool:
    """Nothing is left that would change the document: no event, no writer, no write, no comparison."""
    last = 3 if rules.again else 2 if rules.compare else 0
    return (
        world.phase == ADOPTED
        and world.compared == last
        and not (world.events or world.tasks or world.net)
        and not any(lsn > world.offset for lsn, _ in world.log)
    )


def _follow(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    yield from _commit(world)
    yield from _stream(rules, world)
    yield from _write(world)
    if world.phase == OLD:
        yield from _promote(world)
    elif world.phase == NEW:
        yield "adoption", _adopt(rules, world)
    else:
        yield from _compare(rules, world)


def _commit(world: World) -> Iterator[tuple[str, World]]:
    left = world.commits_before if world.phase == OLD else world.commits_after
    if not left:
        return
    lsn = world.lsn + 1
    fresh = 10 * left + (1 if world.phase == OLD else 2)
    for value in (fresh, None):
        if value != world.value:
            changed = world._replace(log=(*world.log, (lsn, value)), lsn=lsn)
            if world.phase == OLD:
                changed = changed._replace(commits_before=left - 1)
            else:
                changed = changed._replace(commits_after=left - 1)
            yield f"{world.phase}: commit {value} at {lsn}", changed


def _stream(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    """The source brings the next commit behind its offset; the sink takes an event and its version."""
    if following := [lsn for lsn, _ in world.log if lsn > world.offset]:
        lsn = following[0]
        yield f"event of {lsn}", world._replace(offset=lsn, confirmed=lsn, events=world.events + 1)
    if world.phase == NEW:
        return  # the timeline is not that of the generation (rule 12)
    lsn = world.lsn + 1
    if world.events and not any(task.sink for task in world.tasks):
        task = Task((world.sink_epoch, lsn), sink=True, old=world.phase == OLD)
        yield f"sink takes {task.version}", world._replace(events=world.events - 1, lsn=lsn, tasks=(*world.tasks, task))
    if world.jobs:
        task = Task((1 if world.phase == ADOPTED and rules.epoch else 0, lsn), sink=False, old=world.phase == OLD)
        yield f"job takes {task.version}", world._replace(jobs=world.jobs - 1, lsn=lsn, tasks=(*world.tasks, task))


def _write(world: World) -> Iterator[tuple[str, World]]:
    """A writer reads and sends; a write arrives, and stays if its version is the highest."""
    for task in world.tasks:
        # A job may read from the old primary as long as that lives; the sink's sessions end with the promotion.
        value = world.old_value if task.old and world.phase != OLD else world.value
        others = list(world.tasks)
        others.remove(task)
        sent = (*world.net, Write(task.version, value))
        yield f"{task.version} reads {value}", world._replace(tasks=tuple(others), net=tuple(sorted(sent, key=repr)))
    for write in world.net:
        rest = list(world.net)
        rest.remove(write)
        arrived = world._replace(net=tuple(rest))
        if world.document is None or write.version > world.document[0]:
            arrived = arrived._replace(document=write)
        yield f"{write.version} arrives with {write.value}", arrived


def _promote(world: World) -> Iterator[tuple[str, World]]:
    for kept in range(len(world.log) + 1):
        log = world.log[:kept]
        lsn = log[-1][0] if log else 0
        dead = sum(task.sink for task in world.tasks)  # their events come again
        for confirmed in {0, min(world.offset, lsn)}:
            yield (
                f"promotion at {lsn}, slot at {confirmed}",
                world._replace(
                    phase=NEW, log=log, lsn=lsn, old_value=world.value, confirmed=confirmed, events=world.events + dead,
                    tasks=tuple(task for task in world.tasks if not task.sink),
                ),
            )  # fmt: skip


def _adopt(rules: Rules, world: World) -> World:
    return world._replace(
        phase=ADOPTED,
        sink_epoch=1 if rules.epoch and rules.stop else 0,
        offset=min(world.offset, world.confirmed) if rules.offset else world.offset,
        tasks=tuple(task for task in world.tasks if not (task.sink and rules.stop)),
        events=world.events + sum(task.sink and rules.stop for task in world.tasks),
    )


def _compare(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    if world.compared == 1:
        # D + B later: what had its version before the adoption has arrived or will never arrive.
        if not any(write.version[0] == 0 for write in world.net) and not any(task.old for task in world.tasks):
            yield "D + B is over", world._replace(compared=2)
        return
    if world.compared not in ((0, 2) if rules.again else (0,)) or not rules.compare:
        return
    passed = not world.events and not any(task.sink for task in world.tasks)
    if not passed or any(lsn > world.offset for lsn, _ in world.log):
        return  # the barrier
    done = world._replace(compared=world.compared + 1)
    if (world.document[1] if world.document else None) != world.value:
        lsn = world.lsn + 1
        task = Task((1 if rules.epoch else 0, lsn), sink=False, old=False)
        done = done._replace(lsn=lsn, tasks=(*world.tasks, task))
    yield f"comparison {done.compared}", done
