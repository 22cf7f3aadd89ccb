"""failing_agent.py plain|stream: a program that goes on when its model fails; prints how it failed."""
import sys

import openai

client = openai.OpenAI(max_retries=1)
for text in ["fail 400", "fail 429", "fail in the middle", "Good day"]:
    try:
        said = client.chat.completions.create(model="fixed", messages=[{"role": "user", "content": text}], stream=sys.argv[1] == "stream")
        if sys.argv[1] == "stream":
            print("".join(c.choices[0].delta.content or "" for c in said if c.choices))
        else:
            print(said.choices[0].message.content)
    except openai.APIStatusError as e:
        print(type(e).__name__, e.status_code, e.response.headers.get("retry-after-ms"), e.body)
    except (openai.APIError, ValueError) as e:
        print(type(e).__name__, getattr(e, "body", None))
    except Exception as e:  # a connection that ends
        print(type(e).__name__)
