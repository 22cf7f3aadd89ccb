"""What must work on a copy of the state that chats.py made."""
from langgraph.types import Command

from chats import CALLS, FIELDS, Angry, HumanMessage, cfg, own_graph, returned_graph, root_graph, saved_graph, sends_graph, tools_graph


def judge(b, j, facts):
    def tools():
        g = tools_graph(b.saver)
        ids = {i.value["q"]: i.id for i in g.get_state(cfg("tools")).interrupts}
        r = g.invoke(Command(resume={ids["one"]: "1", ids["two"]: "2"}), cfg("tools"))
        j.same("tools", [m.content for m in r["messages"][-2:]], ["a person said 1", "a person said 2"])

    def sends():
        r = sends_graph(b.saver).invoke(None, cfg("sends"))
        j.same("sends", (r["got"], sorted(CALLS)), ([0, 1, 2], ["work 0", "work 1", "work 2"]))

    more = [HumanMessage("more", id="x-1")]
    for name, f in [("saved", lambda: j.same("saved", saved_graph(b.saver).invoke(more, cfg("saved")), "answer 5")),
                    ("returned", lambda: j.same("returned", len(returned_graph(b.saver).invoke(more, cfg("returned"))["messages"]), 4)),
                    ("root", lambda: j.same("root", root_graph(b.saver).invoke(more, cfg("root"))[-1].content, "root 3")),
                    ("own", lambda: j.same("own", [type(m).__name__ for m in own_graph(b.saver).get_state(cfg("own")).values["messages"]][0], Angry.__name__)), ("tools", tools), ("sends", sends)]:
        CALLS.clear()
        j.step(name, f)
