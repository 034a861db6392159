"""Who the payload of a random request is: ids and their maps, supplementary groups, and idmaps that go with them. Who calls is
made up here as well.
"""

from callers import ALICE
from harness import AS_ROOT
from property_ground import Who
from random_mounts import chance, some

RANGES = [[0, 100000, 70000]]


# ---- who calls -----------------------------------------------------------------------------------------------------


def random_subids(rng, name, uid, first):
    """(ranges, the text of a file that gives them to this user, among others)."""
    ranges = []
    for count in rng.choice([[65536], [1010, 65536], [5, 2000, 40]]):
        ranges.append((first, count))
        first += count + rng.choice([0, 7])
    lines = ["# subordinate ids", "bob:5:5", ""] + [f"{rng.choice([name, uid])}:{start}:{count}" for start, count in ranges]
    return tuple(ranges), "\n".join(lines) + "\n"


def random_who(rng):
    """Root is also somebody with subordinate ids, or with groups, and calls for an ordinary user who has both."""
    if not AS_ROOT:
        return Who()
    groups = rng.choice([(), (), (4, 27), (4, 100005, 200005)])
    if chance(rng, 3):
        name, uid = rng.choice([("root", 0), ("alice", ALICE), ("alice", ALICE)])
        subuid, uids = random_subids(rng, name, uid, 300000)
        subgid, gids = random_subids(rng, name, uid, 500000)
        return Who(uid, uid, groups, subuid, subgid, (uids, gids))
    return Who(0, 0, groups)


# ---- ids -----------------------------------------------------------------------------------------------------------


def random_maps(rng, who):
    kinds = [{}, {}, {"uid_map": "self", "gid_map": "self"}]
    if who.root:
        kinds += [{"uid_map": RANGES, "gid_map": RANGES}] * 2 + [{"gid_map": RANGES}, {"uid_map": RANGES}]
    if who.texts:
        kinds = kinds[1:] + [{"uid_map": "subuid", "gid_map": "subuid"}] * 4 + [{"uid_map": "subuid"}, {"gid_map": "subuid"}]
    return dict(rng.choice(kinds))


def count_of(ranges):
    return sum(count for _, count in ranges)


def groups_inside(user, who):
    """Some ids that exist inside, where setgroups(2) can be called; None where it cannot."""
    kind = user.get("gid_map")
    if isinstance(kind, list):
        return [0, 10, 1000, 65533]
    if kind == "subuid":
        return [0, 1, 4, 1004]
    return [user["gid"]] if who.root and kind is None else None


def add_groups(rng, user, who):
    inside = groups_inside(user, who)
    if chance(rng, 4):
        user["groups"] = "keep"
    elif inside is None:
        if chance(rng, 4) and "gid_map" not in user and user.get("uid_map") != "self" and not who.groups:
            user["groups"] = []
    elif chance(rng, 2) and not ("gid_map" not in user and user.get("uid_map") == "self"):
        user["groups"] = some(rng, inside)
    if chance(rng, 3):
        words = {"deny"} | ({"allow"} if inside is not None else set())
        words -= {"deny"} if user.get("groups") not in (None, "keep", []) else set()
        words -= {"deny"} if user.get("groups") == [] and who.groups and not who.root else set()
        user["setgroups"] = rng.choice(sorted(words)) if words else "allow"
    return user


def random_user(rng, mode, who):
    """`mode` of the user namespace: `host`, where another id than 65534 could not write what is shown; `join`, with one id."""
    if mode == "host":
        return rng.choice([{}, {"groups": []}, {"groups": [12345, 54321]}, {"groups": "keep"}])
    if mode == "join":
        return {"uid": 0, "gid": 0, **rng.choice([{}, {}, {"groups": "keep"}])}
    user = {"uid": rng.choice([0, 7, 1000, 65534]), "gid": rng.choice([0, 8, 1000]), **random_maps(rng, who)}
    if who.root and user.get("uid_map") == "subuid":
        user["uid"] %= count_of(who.subuid)
    if who.root and user.get("gid_map") == "subuid":
        user["gid"] %= count_of(who.subgid)
    return add_groups(rng, user, who)


# ---- idmaps --------------------------------------------------------------------------------------------------------


def on_disk(idmap, inside):
    """The id that a file gets which this one makes; None where it has none."""
    for disk, first, count in [[0, 0, 1 << 32]] if idmap == "user" else idmap:
        if first <= inside < first + count:
            return disk + inside - first
    return None


def exists(user, key, inside):
    ranges = user.get(key + "_map")
    return any(first <= inside < first + count for first, _, count in ranges) if isinstance(ranges, list) else inside == user[key]


def writes(user, idmap):
    """Can the payload make something in a directory of root's? Both owners must be somebody inside and on disk."""
    owner = 0 if idmap == "user" else next((first for disk, first, _ in idmap if disk == 0), None)
    return all(owner is not None and exists(user, key, owner) and on_disk(idmap, user[key]) is not None for key in ("uid", "gid"))


def random_idmap(rng, request, who):
    """{access: idmaps that go with it}: of root, in a user namespace of its own, and on mounts that are the caller's."""
    user, spaces = request["user"], request["namespaces"]
    maps = [user.get(key) for key in ("uid_map", "gid_map")]
    if not who.root or "user" in spaces or isinstance(spaces.get("mount"), dict) or "subuid" in maps or chance(rng, 2):
        return {"ro": [], "rw": []}
    found = ["user"]
    if all(isinstance(one, list) for one in maps):
        found += [[[0, 0, 70000]], [[0, 5, 60000], [60000, 0, 5]], [[0, 7, 1]]]
    elif user["uid"] == user["gid"]:
        found += [[[0, user["uid"], 1]], [[3, user["uid"], 1]]]
    return {"ro": found, "rw": [one for one in found if writes(user, one)]}
