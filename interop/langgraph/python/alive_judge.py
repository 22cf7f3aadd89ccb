"""What must work on a copy of the state that alive.py made."""
from langgraph.types import Command

from alive import BROKEN, CALLS, FIELDS, HumanMessage, cfg, fan, handing, kept, remembering, team


def judge(b, j, facts):
    def answers(g, thread):
        """Answers every question by its id until none is left."""
        for _ in range(4):
            asked = g.get_state(cfg(thread)).interrupts
            if not asked:
                break
            r = g.invoke(Command(resume={i.id: f"<{i.value['q']}>" for i in asked}), cfg(thread))
        return sorted(m.content for m in r["messages"])

    def waiting(g, thread):
        return sorted(i.value["q"] for i in g.get_state(cfg(thread)).interrupts)

    def together():
        g = team(b.saver)
        j.same("team asks", waiting(g, "team"), ["first", "second", "third"])
        j.same("team", answers(g, "team"), sorted(["hello", *(f"{n} thinks" for n in ("first", "second", "third")), *(f"{n} <{n}> <{n} sure>" for n in ("first", "second", "third"))]))

    def handed():
        g = handing(b.saver)
        j.same("handing asks", waiting(g, "handing"), ["bob"])
        j.same("handing", answers(g, "handing"), ["bob <bob> <bob sure>", "bob thinks", "hello", "over to bob"])

    def half():
        BROKEN[0] = False
        g = fan(b.saver)
        g.invoke(None, cfg("fan"))
        j.same("fan runs again", sorted(CALLS), ["work 1", "work 2"])
        j.same("fan", g.invoke(Command(resume=2), cfg("fan"))["log"][-1], 6)

    def chats():
        for thread, want in facts["notes"].items():
            g = kept(b.saver)
            j.same(thread, [m.content for m in g.get_state(cfg(thread)).values["messages"]], want)
            j.same(thread + " goes on", len(g.invoke({"messages": [HumanMessage("more", id="m-1")]}, cfg(thread))["messages"]), len(want) + 2)

    more = {"messages": [HumanMessage("again", id="h-2")]}
    for name, f in [("team", together), ("handing", handed), ("fan", half), ("kept", chats),
                    ("remembering", lambda: j.same("remembering", remembering(b.saver).invoke(more, cfg("remembering"))["messages"][-1].content, "helper: noted 3"))]:
        CALLS.clear()
        j.step(name, f)
