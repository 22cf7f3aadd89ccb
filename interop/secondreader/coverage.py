"""SPEC §14: coverage, computed again from facts."""

ORDER = ["RECONCILED", "LISTED", "GAPS", "UNKNOWN"]
ENUMERATED, ABSENT, DERIVED = 1, 7, 8
CONTROL = {"origin", "tombstone", "gap", "completeness", "mark"}


def worst(words):
    return max(words, key=ORDER.index, default="UNKNOWN")


def total(numbers):
    return min(sum(numbers), (1 << 64) - 1)


def join(statements):
    """The facts about each kind, of all origins that have it. None: one of them does not mention it."""
    entries, mentioned = {}, {}
    for s in statements:
        for k in s.get("kinds", []):
            entries.setdefault(k.get("kind", ""), []).append(k)
        for name in {k.get("kind", "") for k in s.get("kinds", [])}:
            mentioned[name] = mentioned.get(name, 0) + 1
    out = {}
    for kind, own in entries.items():
        here = [f for f in own if f.get("class", 0) != ABSENT]
        if mentioned[kind] < len(statements):
            out[kind] = None
        elif not here:
            out[kind] = {"class": ABSENT}
        else:
            classes = {f.get("class", 0) for f in here}
            out[kind] = {
                "class": classes.pop() if len(classes) == 1 else 0,
                "enumerated": total(f.get("enumerated", 0) for f in here),
                "exhausted": all(f.get("exhausted", False) for f in here),
                "basis": all(f.get("access_basis", "") for f in here),
                "from": {k for f in here for k in f.get("derived_from", [])},
            }
            for name in ("reference", "relisted"):
                out[kind][name] = total(f[name] for f in here) if all(name in f for f in here) else None
    return out


def judge(known, counts, statements, origins):
    """known: kinds of state that the writer knew. counts: kind → dict of records, views, gaps,
    missing, uncounted; gaps of no one kind under "". Returns the archive's coverage and that of
    each kind that is judged."""
    facts = join(statements)
    everywhere = counts.get("", {})
    judged, derived = {}, []
    with_records = {k for k, c in counts.items() if c.get("records", 0)}
    for kind in set(known) | {k for k in with_records | set(facts) if k not in CONTROL}:
        c, f = counts.get(kind, {}), facts.get(kind)
        every = {x: total((c.get(x, 0), everywhere.get(x, 0))) for x in ("gaps", "missing", "uncounted")} if kind else everywhere
        if kind not in known or f is None:
            judged[kind] = "UNKNOWN"
        elif f["class"] == ABSENT:
            if c.get("records", 0) or c.get("gaps", 0):
                judged[kind] = "UNKNOWN"
        elif f["class"] == DERIVED:
            derived.append((kind, f, c, every))
        else:
            judged[kind] = listed(f, c.get("records", 0), every) if f["class"] == ENUMERATED else "UNKNOWN"
    base = dict(judged)
    for kind, f, c, every in derived:
        judged[kind] = reading(f, c, every, base, facts)
    if not statements or len(statements) < origins or not judged:
        return "UNKNOWN", judged
    return worst(judged.values()), judged


def listed(f, n, every):
    """A kind that the runtime lists."""
    gaps, missing = every.get("gaps", 0), every.get("missing", 0)
    counted, there = every.get("uncounted", 0) == 0, total((n, missing))
    if n > f["enumerated"] or not f["exhausted"] or counted and there < f["enumerated"]:
        return "UNKNOWN"
    for other in (f["reference"], f["relisted"]):
        if other is not None and (other < n or counted and other > there):
            return "UNKNOWN"
    if f["reference"] is not None and f["basis"]:
        rest = "RECONCILED"
    elif n == 0 and not f["basis"]:
        rest = "UNKNOWN"
    else:
        rest = "LISTED" if f["relisted"] is not None else "UNKNOWN"
    if not gaps:
        return rest
    return "UNKNOWN" if counted and rest == "UNKNOWN" else "GAPS"


def reading(f, c, every, base, facts):
    """A kind whose records are readings of others."""
    n, counted = c.get("records", 0), every.get("uncounted", 0) == 0
    if c.get("views", 0) != n or n > f["enumerated"] or not f["from"] or counted and total((n, every.get("missing", 0))) < f["enumerated"]:
        return "UNKNOWN"
    words = ["GAPS" if every.get("gaps", 0) else "RECONCILED"]
    for d in f["from"]:
        if d in base:
            words.append(base[d])
        elif (facts.get(d) or {}).get("class") != ABSENT:
            words.append("UNKNOWN")
    return worst(words)
