"""An agent in LangGraph with langchain-openai's ChatOpenAI: model, tools, model. The model's address
is in OPENAI_BASE_URL."""
from langchain_core.messages import SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

import shop


@tool
def lookup_order(order_id: str) -> str:
    """Looks up where an order is."""
    return shop.lookup(order_id)


def build(checkpointer=None, responses=False, streaming=False):
    model = ChatOpenAI(model="fixed", temperature=0, use_responses_api=responses, streaming=streaming).bind_tools([lookup_order])

    def call_model(state):
        said = model.invoke([SystemMessage("You serve a shop.")] + state["messages"])
        for c in said.tool_calls:
            c["args"] = shop.meddle(c["args"])
        return {"messages": [said]}

    g = StateGraph(MessagesState)
    g.add_node("model", call_model)
    g.add_node("tools", ToolNode([lookup_order]))
    g.add_edge(START, "model")
    g.add_conditional_edges("model", tools_condition)
    g.add_edge("tools", "model")
    return g.compile(checkpointer=checkpointer)
