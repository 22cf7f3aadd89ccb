"""embedding_agent.py: a program that embeds, with OpenAI's SDK and with LangChain; prints the vectors."""
import sys

import openai
from langchain_openai import OpenAIEmbeddings

texts = ["Where is A-1041?", "A coat.", "Und grüße aus Köln"]
client = openai.OpenAI()
for more in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}, {"dimensions": 2}):
    got = client.embeddings.create(model="text-embedding-3-small", input=texts, **more)
    print(got.model, [d.index for d in got.data], [d.embedding for d in got.data])
print(client.embeddings.create(model="text-embedding-3-small", input="A coat.").data[0].embedding)
tokens = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
print(tokens.embed_query("A coat."), tokens.embed_documents(texts))
print(client.embeddings.create(model="text-embedding-3-small", input=[[1, 2], [3]]).data[1].embedding)
if "new" in sys.argv:
    try:
        client.embeddings.create(model="text-embedding-3-large", input="A coat.")
    except openai.BadRequestError as e:
        print(e.code)
