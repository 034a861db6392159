"""Who the payload of a random request must be: ids inside and outside, maps, supplementary groups, owners of files. All of it
follows from the request and its caller.
"""

from harness import NOBODY
from random_users import on_disk
from random_mounts import mode_of

SUBORDINATE = {"uid": "subuid", "gid": "subgid"}


def inside(request, key):
    return request["user"].get(key, 65534 if mode_of(request, "user") == "host" else 1000)


def around(ranges, kept, own):
    """Subordinate ranges from 0 on, with the caller's own id at `kept`: lines of a map. `own` is None for root."""
    lines, next_id, own_line = [], 0, [] if own is None else [[kept, own, 1]]
    for start, count in ranges:
        before = max(0, min(count, kept - next_id)) if own_line else count
        if before:
            lines.append([next_id, start, before])
        if own_line and before < count:
            lines += own_line + [[kept + 1, start + before, count - before]]
            next_id, own_line = next_id + 1, []
        next_id += count
    return lines + own_line


def map_of(request, key, who):
    """The lines of the payload's map."""
    ranges, one = request["user"].get(key + "_map"), inside(request, key)
    own = getattr(who, key)
    mode = mode_of(request, "user")
    if mode == "host":
        return [[0, 0, 4294967295]]
    if mode == "join":
        return [[0, own, 1]]
    if isinstance(ranges, list):
        return ranges
    if ranges == "subuid":
        return around(getattr(who, SUBORDINATE[key]), one, None if who.root else own)
    return [[one, own if ranges == "self" or not who.root else NOBODY, 1]]


def outside(request, key, who):
    """The host's number of who the payload is."""
    return host_id(map_of(request, key, who), inside(request, key))


def host_id(lines, one):
    return next(first_outside + one - first for first, first_outside, count in lines if first <= one < first + count)


def seen_id(lines, one):
    """How an id of the host looks inside."""
    return next((first + one - first_outside for first, first_outside, count in lines if first_outside <= one < first_outside + count), 65534)


# ---- groups --------------------------------------------------------------------------------------------------------


def may_set(request, who):
    """Could setgroups(2) be called inside, if nothing forbade it? Under a map that the caller wrote for itself alone it cannot."""
    mode, kind = mode_of(request, "user"), request["user"].get("gid_map")
    return mode == "host" or mode == "new" and (kind == "subuid" or who.root and kind != "self")


def groups_of(request, who):
    """(supplementary groups as they look inside, whether they are those of the request, or of nobody)."""
    user = request["user"]
    kept = sorted(seen_id(map_of(request, "gid", who), group) for group in who.groups)
    if user.get("groups") == "keep":
        return kept, None
    allowed = may_set(request, who) and user.get("setgroups") != "deny"
    if allowed or mode_of(request, "user") == "new" and user.get("setgroups") == "deny" and who.root:  # dropped before the map
        return sorted(user.get("groups", [])), True
    return kept, not who.groups


def expect_users(request, seen, who):
    user = request["user"]
    for key, lines in zip(("uid", "gid"), seen["maps"]):
        assert seen[key] == [inside(request, key)] * 3
        assert lines == map_of(request, key, who), key
    default = "allow" if may_set(request, who) else "deny"
    assert seen["setgroups"] == user.get("setgroups", default)
    assert seen["groups"] == groups_of(request, who)[0]


# ---- owners --------------------------------------------------------------------------------------------------------


def made_as(request, idmap, who):
    """Whose on disk is a file that the payload makes."""
    if idmap is None:
        return [outside(request, key, who) for key in ("uid", "gid")]
    return [on_disk(idmap, inside(request, key)) for key in ("uid", "gid")]


def shown_as(request, idmap, owner, who):
    """Whose inside a file on disk is."""
    found = []
    for key, one in zip(("uid", "gid"), owner):
        lines = map_of(request, key, who)
        if idmap is None:
            found.append(seen_id(lines, one))
            continue
        pairs = [[0, 0, 1 << 32]] if idmap == "user" else idmap
        there = [first + one - disk for disk, first, count in pairs if disk <= one < disk + count]
        exists = there and any(first <= there[0] < first + count for first, _, count in lines)
        found.append(there[0] if exists else 65534)
    return found
