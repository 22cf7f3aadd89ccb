"""A busy application: starts threads and puts memories at about RATE steps a second until told to stop (a line on stdin, or SECONDS).

  python write.py URL RATE SECONDS     prints 'writing' once it runs, and at the end how many threads and memories it made"""
import logging, select, sys, time, warnings

from backend import Backend
import odd_graphs

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")

if __name__ == "__main__":
    url, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    b = Backend(url, odd_graphs)
    g, n, begin = odd_graphs.count_graph(b.saver), 0, time.monotonic()
    while time.monotonic() < begin + seconds and not select.select([sys.stdin], [], [], 0)[0]:
        # every fourth step is a new thread, the others go on with one of the last ten: a thread changes while it is read
        thread = f"busy {n // 4 if n % 4 == 0 else n // 4 - n % 10}"
        g.invoke({"n": n, "text": f"step {n}"}, {"configurable": {"thread_id": thread}})
        b.store.put(("busy", f"g{n % 3}"), f"item-{n % 50}", {"text": f"memory {n}"})
        n += 1
        if n == 20:
            print("writing", flush=True)
        time.sleep(max(0, begin + n / rate - time.monotonic()))
    print("steps", n, "threads", b.rows("select count(distinct thread_id) from checkpoints")[0][0], "items", b.rows("select count(*) from store")[0][0])
    b.close()
