"""Small templates, one for each feature of the language that chat templates use, all rendered with CONTEXT."""
CONTEXT = {"a": 1, "b": 2.5, "s": "Hello", "t": " pad \n", "n": None, "y": True, "f": False, "l": [3, 1, 2], "e": [],
     "d": {"k": "v", "two words": 2, "items": "shadow"}, "o": {}, "u": "日本é👩‍👩‍👧", "z": 0,
     "m": [{"role": "user", "content": "x", "w": 2}, {"role": "assistant", "content": "y", "w": 1}, {"role": "user", "content": "z"}],
     "q": "a\"b'c\\d\n\t<&>\u0001\u2028é😀"}

TEMPLATES = r'''
{{ a }}|{{ b }}|{{ s }}|{{ n }}|{{ y }}|{{ f }}|{{ l }}|{{ e }}|{{ d }}|{{ o }}
{{ q }}
{{ [q] }}
{{ [n, y, f, b, 1.0, 1e20, 1e16, 1e15, 1.5e-7, 0.1, 100000.0, -0.0, 2.0**0.5] }}
{{ missing }}|{{ missing is defined }}|{{ a is defined }}
{{ missing.x }}
{{ missing['x'] }}
{{ d.missing }}|{{ d['missing'] }}|{{ d.k }}|{{ d['k'] }}|{{ d['two words'] }}
{{ d.items }}
{{ d.items() }}
{{ d.missing.deeper }}
{{ n.x }}
{{ s.x }}|
{{ l[0] }}|{{ l[-1] }}|{{ l[9] }}|{{ l['x'] }}
{{ l.0 }}
{{ s[0] }}{{ s[-1] }}|{{ s[9] }}
{{ u[0] }}|{{ u[2] }}|{{ u[::-1] }}|{{ u|length }}|{{ u[1:3] }}
{{ l[1:] }}|{{ l[:1] }}|{{ l[:-1] }}|{{ l[::-1] }}|{{ l[::2] }}|{{ l[5:] }}|{{ l[-2:] }}|{{ l[2:0:-1] }}
{{ s[1:] }}|{{ s[:2] }}|{{ s[:-1] }}|{{ s[::-1] }}|{{ s[1:4:2] }}|{{ s[-100:100] }}
{{ l[::0] }}
{{ n[1:] }}
{{ 1 + 2 }}|{{ 7 - 9 }}|{{ 3 * 4 }}|{{ 7 / 2 }}|{{ 7 // 2 }}|{{ -7 // 2 }}|{{ 7 % 3 }}|{{ -7 % 3 }}|{{ 7 % -3 }}|{{ 2 ** 10 }}|{{ 2 ** -1 }}
{{ 6 / 3 }}|{{ 7.0 // 2 }}|{{ -7.5 // 2 }}|{{ 7.5 % 2 }}|{{ -7.5 % 2 }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ 1 // 0 }}
{{ 1.0 / 0 }}
{{ "a" + "b" }}|{{ "a" ~ 1 ~ n ~ y }}|{{ "ab" * 3 }}|{{ [1] + [2] }}|{{ [1, 2] * 2 }}|{{ 3 * "x" }}|{{ "x" * -1 }}
{{ "a" + 1 }}
{{ 1 + "a" }}
{{ "a" + n }}
{{ n + 1 }}
{{ "a" + missing }}
{{ missing ~ "a" }}
{{ [1] + "a" }}
{{ y + 1 }}|{{ y * 3 }}|{{ -y }}|{{ not y }}
{{ -a }}|{{ +a }}|{{ - -a }}|{{ -2 ** 2 }}|{{ 2 ** 3 ** 2 }}|{{ 2 * 3 + 4 * 5 }}|{{ (2 + 3) * 4 }}
{{ 1 == 1.0 }}|{{ 1 == true }}|{{ "1" == 1 }}|{{ n == none }}|{{ [1, 2] == [1, 2] }}|{{ {"a": 1} == {"a": 1.0} }}|{{ missing == n }}|{{ missing == missing2 }}
{{ 1 < 2 < 3 }}|{{ 1 < 3 < 2 }}|{{ 3 > 2 >= 2 }}|{{ 1 != 2 }}|{{ "a" < "b" }}|{{ "B" < "a" }}|{{ [1, 2] < [1, 3] }}|{{ "é" > "z" }}
{{ "a" < 1 }}
{{ n < 1 }}
{{ missing < 1 }}
{{ 1 in l }}|{{ 9 in l }}|{{ 9 not in l }}|{{ "el" in s }}|{{ "k" in d }}|{{ "v" in d }}|{{ "" in s }}|{{ n in [none] }}|{{ 1.0 in l }}
{{ 1 in s }}
{{ 1 in n }}
{{ "x" in missing }}
{{ y and 1 }}|{{ z and 1 }}|{{ z or "x" }}|{{ "" or n }}|{{ n or missing }}|{{ not e }}|{{ not o }}|{{ not "" }}|{{ not missing }}|{{ s and e }}
{{ y or missing.x.y }}
{{ "yes" if y else "no" }}|{{ "yes" if f else "no" }}|{{ "yes" if f }}|{{ 1 if f else 2 if f else 3 }}
{{ ("yes" if f) is defined }}
{{ not a == 2 }}|{{ not y and f }}|{{ not (y and f) }}|{{ a + 1 == 2 and s }}
{{ s | upper }}|{{ s|lower }}|{{ s|length }}|{{ t|trim }}|{{ s|first }}|{{ s|last }}|{{ s|reverse }}|{{ "hello wORLD"|capitalize }}|{{ "hello wORLD it's 3d"|title }}
{{ "éßİ"|upper }}|{{ "ÀÉΣ"|lower }}
{{ "--a--"|trim("-") }}|{{ "xyax"|trim("xy") }}|{{ ""|trim }}|{{ n|trim }}|{{ 5|trim }}
{{ l|length }}|{{ l|count }}|{{ d|length }}|{{ l|first }}|{{ l|last }}|{{ e|first }}|{{ e|last }}|{{ l|sum }}|{{ e|sum }}|{{ l|max }}|{{ l|min }}|{{ l|sort }}|{{ l|sort(reverse=true) }}
{{ n|length }}
{{ 5|length }}
{{ missing|length }}|{{ missing|upper }}|{{ missing|list }}|{{ missing|first }}|{{ missing|join }}
{{ l|join }}|{{ l|join(", ") }}|{{ ["a", 1, none, true]|join("-") }}|{{ m|join(",", attribute="content") }}|{{ s|join("-") }}|{{ e|join(",") }}|{{ d|join(",") }}
{{ d|list }}|{{ s|list }}|{{ l|list }}|{{ d.keys()|list }}|{{ d.values()|list }}|{{ d|items|list }}
{{ d|dictsort }}|{{ {"b": 1, "A": 2}|dictsort }}|{{ {"b": 1, "A": 2}|dictsort(true) }}|{{ {"b": 1, "A": 2}|dictsort(by="value") }}|{{ {"b": 1, "A": 2}|dictsort(reverse=true) }}
{{ n|default("x") }}|{{ missing|default("x") }}|{{ missing|d("x") }}|{{ ""|default("x") }}|{{ ""|default("x", true) }}|{{ n|default("x", true) }}|{{ n|default("x", boolean=true) }}|{{ missing|default }}
{{ d.k2|default("x") }}|{{ d["k2"]["k3"] is defined }}
{{ missing.a|default("x") }}
{{ l|map("string")|join("+") }}|{{ m|map(attribute="role")|list }}|{{ m|map(attribute="w")|list }}|{{ m|map(attribute="w", default=0)|list }}|{{ ["a", "b"]|map("upper")|join }}|{{ m|map("length")|list }}
{{ m|selectattr("role", "equalto", "user")|list|length }}|{{ m|selectattr("w")|list|length }}|{{ m|selectattr("w", "defined")|list|length }}|{{ m|rejectattr("role", "==", "user")|map(attribute="content")|first }}|{{ m|rejectattr("w")|list|length }}|{{ m|selectattr("role", "in", ["user"])|list|length }}|{{ m|selectattr("w", "gt", 1)|list|length }}
{{ [1, 2, 3, 4]|select("even")|list }}|{{ [1, 2, 3]|reject("odd")|list }}|{{ [0, 1, "", "a"]|select|list }}|{{ [0, 1, "", "a"]|reject|list }}|{{ [1, 2, 3]|select("gt", 1)|list }}|{{ ["a", 1]|select("string")|list }}|{{ [1, 2, 3]|select("divisibleby", 3)|list }}
{{ m|groupby("role")|length }}|{% for g, i in m|groupby("role") %}{{ g }}={{ i|length }};{% endfor %}
{{ [1, 1, 2, "a", "A"]|unique|list }}|{{ m|unique(attribute="role")|list|length }}|{{ ["b", "A", "c"]|sort }}|{{ ["b", "A", "c"]|sort(case_sensitive=true) }}|{{ m[:2]|sort(attribute="w")|map(attribute="w")|list }}
{{ ["a", 1]|sort }}
{{ [1, 2, 3, 4, 5]|batch(2)|list }}|{{ [1, 2, 3]|batch(2, 0)|list }}|{{ [1, 2, 3, 4, 5]|slice(2)|list }}
{{ s|replace("l", "L") }}|{{ s|replace("l", "L", 1) }}|{{ s|replace("", "-") }}|{{ s|replace("zz", "-") }}
{{ "a b  c\nd"|wordcount }}|{{ "a b c"|truncate(3) }}|{{ "abcdefghij klm"|truncate(9) }}|{{ "abcdefghij klm"|truncate(9, true) }}|{{ "x"|center(5) }}|{{ "<a href='x'>&\"</a>"|escape }}|{{ "<a>"|e }}|{{ "<b>"|safe }}|{{ "<a>x</a> y"|striptags }}
{{ "a\nb\n\nc"|indent }}|{{ "a\nb"|indent(2, true) }}|{{ "a\n\nb"|indent(2, blank=true) }}|{{ "a\nb"|indent(width=3, first=True) }}|{{ "a\nb"|indent("> ") }}
{{ "3"|int }}|{{ "x"|int }}|{{ "x"|int(7) }}|{{ 3.9|int }}|{{ -3.9|int }}|{{ " 42 "|int }}|{{ "0x1f"|int(0, 16) }}|{{ "1e3"|int }}|{{ n|int }}|{{ y|int }}|{{ "3.7"|int }}|{{ "12_3"|int }}
{{ "3.5"|float }}|{{ "x"|float }}|{{ 3|float }}|{{ "1e3"|float }}|{{ "x"|float(1.5) }}|{{ n|float }}
{{ 3.14159|round }}|{{ 3.14159|round(2) }}|{{ 2.5|round }}|{{ 3.5|round }}|{{ 2.1|round(0, "ceil") }}|{{ 2.9|round(0, "floor") }}|{{ 1234|round(-2) }}|{{ -5|abs }}|{{ -5.5|abs }}
{{ 1|string + "a" }}|{{ n|string }}|{{ l|string|length }}|{{ true|string }}|{{ 1.0|string }}
{{ "%s is %d, %.2f, %5s|%-5s|%05d %x %%"|format("x", 3, 2.5, "r", "l", 42, 255) }}
{{ "%s" % "x" }}|{{ "%s-%s" % (1, 2) }}
{{ "%d" % "x" }}
{{ "{} {}".format(1, "b") }}|{{ "{0}{1}{0}".format("a", "b") }}|{{ "{k}".format(k=1) }}|{{ "{:>5}|{:<5}|{:^5}|{:05.1f}".format("a", "b", "c", 2.25) }}
{{ l|random is defined }}
{{ d|tojson }}|{{ l|tojson }}|{{ n|tojson }}|{{ s|tojson }}|{{ y|tojson }}|{{ b|tojson }}|{{ 1.0|tojson }}|{{ e|tojson }}|{{ o|tojson }}|{{ {"a": [1, {"b": none}]}|tojson }}
{{ q|tojson }}|{{ u|tojson }}|{{ "</script>\u007f\u0080"|tojson }}
{{ {"b": [1, 2], "a": {"c": {}, "d": []}, "é": "é"}|tojson(indent=2) }}
{{ {"b": 1, "a": 2}|tojson(sort_keys=true) }}|{{ {"b": [1, 2]}|tojson(separators=(",", ":")) }}|{{ "é😀"|tojson(ensure_ascii=true) }}|{{ [1, [2, {}]]|tojson(indent=4) }}|{{ [1]|tojson(indent=0) }}|{{ {1: 2, true: 3, none: 4}|tojson }}
{{ (1, "a")|tojson }}|{{ 1e20|tojson }}|{{ 1e-7|tojson }}|{{ 123456789012345678|tojson }}|{{ 0.1|tojson }}|{{ 1e16|tojson }}|{{ 12345678901234567890123 }}
{{ missing|tojson }}
{{ s.upper() }}|{{ s.lower() }}|{{ t.strip() }}|{{ t.lstrip() }}|{{ t.rstrip() }}|{{ "xxaxx".strip("x") }}|{{ "xyaxy".lstrip("yx") }}|{{ "xya".rstrip("a") }}|{{ s.title() }}|{{ "aBC".capitalize() }}|{{ "aB".swapcase() }}
{{ "\u00a0\u3000a\u2003\u200b".strip()|length }}|{{ "\x1ca\x85".strip()|length }}
{{ "a,b,,c".split(",") }}|{{ " a  b ".split() }}|{{ "a,b,c".split(",", 1) }}|{{ "abc".split("x") }}|{{ "a,b,c".rsplit(",", 1) }}|{{ "a\nb\r\nc\n".splitlines() }}|{{ "".split() }}|{{ "".split(",") }}|{{ "a<t>b<t>c".split("<t>")[-1] }}|{{ "a=b=c".partition("=") }}|{{ "a=b=c".rpartition("=") }}
{{ "abc".split("") }}
{{ s.startswith("He") }}|{{ s.endswith("lo") }}|{{ s.startswith(("x", "H")) }}|{{ s.find("l") }}|{{ s.find("z") }}|{{ s.rfind("l") }}|{{ s.count("l") }}|{{ s.index("e") }}|{{ s.replace("l", "_") }}|{{ s.replace("l", "_", 1) }}
{{ s.index("z") }}
{{ "12".isdigit() }}|{{ "a1".isalnum() }}|{{ "ab".isalpha() }}|{{ " ".isspace() }}|{{ "AB".isupper() }}|{{ "ab".islower() }}|{{ "".isdigit() }}
{{ ",".join(["a", "b"]) }}|{{ "x".join("abc") }}|{{ "-".join([]) }}|{{ "5".zfill(3) }}|{{ "a".ljust(3, ".") }}{{ "a".rjust(3) }}{{ "a".center(3, "*") }}|{{ "abc".removeprefix("a") }}{{ "abc".removesuffix("c") }}
{{ ",".join([1]) }}
{{ d.get("k") }}|{{ d.get("x") }}|{{ d.get("x", "y") }}|{{ d.keys() }}|{{ d.values() }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }},{% endfor %}
{{ l.append(4) }}
{{ d.update({"x": 1}) }}
{{ d.pop("k") }}
{{ l.index(2) }}|{{ l.count(1) }}
{{ l.nothing() }}
{{ nothing() }}
{{ s() }}
{{ a is number }}|{{ b is number }}|{{ y is number }}|{{ s is number }}|{{ a is integer }}|{{ b is integer }}|{{ y is integer }}|{{ b is float }}|{{ a is float }}|{{ y is boolean }}|{{ a is boolean }}|{{ y is true }}|{{ f is false }}|{{ a is true }}
{{ s is string }}|{{ l is string }}|{{ d is mapping }}|{{ l is mapping }}|{{ l is sequence }}|{{ s is sequence }}|{{ d is sequence }}|{{ a is sequence }}|{{ l is iterable }}|{{ s is iterable }}|{{ a is iterable }}|{{ d is iterable }}|{{ missing is iterable }}|{{ missing is sequence }}
{{ n is none }}|{{ a is none }}|{{ missing is none }}|{{ missing is undefined }}|{{ n is defined }}|{{ n is not none }}|{{ missing is not defined }}|{{ d.x is defined }}|{{ d.k is defined }}
{{ 2 is even }}|{{ 3 is odd }}|{{ 9 is divisibleby 3 }}|{{ 9 is divisibleby(2) }}|{{ "a" is in "abc" }}|{{ 1 is in [1] }}|{{ 1 is eq 1 }}|{{ 1 is equalto 1 }}|{{ 1 is ne 2 }}|{{ 1 is lt 2 }}|{{ 2 is ge 2 }}|{{ 1 is sameas 1 }}|{{ true is sameas true }}|{{ "a" is lower }}|{{ "A" is upper }}|{{ range is callable }}|{{ a is callable }}|{{ "upper" is filter }}|{{ "nope" is filter }}|{{ "odd" is test }}
{{ a is nosuchtest }}
{{ a|nosuchfilter }}
{% if f %}{{ a|nosuchfilter }}{% endif %}ok
{% if a %}A{% endif %}{% if z %}Z{% else %}nz{% endif %}{% if z %}1{% elif e %}2{% elif y %}3{% else %}4{% endif %}
{% for x in l %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }}/{{ loop.depth }}:{{ x }};{% endfor %}
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}
{% for x in l %}{{ loop.cycle("a", "b") }}{{ loop.changed(x > 1) }} {% endfor %}
{% for x in e %}{{ x }}{% else %}none{% endfor %}{% for x in missing %}{{ x }}{% else %}none{% endfor %}
{% for x in n %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in l if x > 1 %}{{ loop.index }}:{{ x }}{{ "," if not loop.last }}{% endfor %}
{% for x in l %}{% for y in l %}{{ loop.depth0 }}{{ x }}{{ y }} {% endfor %}{{ loop.index }}{% endfor %}
{% for a, b in [[1, 2], [3, 4]] %}{{ a }}-{{ b }} {% endfor %}{{ a }}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for (a, b), c in [[[1, 2], 3]] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for c in s %}{{ c }}.{% endfor %}
{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}|{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in range(3) %}{{ x }}{% endfor %}|{{ range(2, 8, 3)|list }}|{{ range(3, 0, -1)|list }}|{{ range(0)|list }}|{{ range(5)[1] }}|{{ range(3) }}
{% for x in l recursive %}{{ x }}{% endfor %}
{% for i in [{"n": 1, "c": [{"n": 2, "c": []}, {"n": 3, "c": [{"n": 4}]}]}] recursive %}{{ i.n }}({{ loop(i.c) if i.c }}){{ loop.depth }}{% endfor %}
{{ loop }}
{{ loop.index }}
{% set x = 1 %}{{ x }}{% set x = x + 1 %}{{ x }}{% set p, q2 = 1, 2 %}{{ p }}{{ q2 }}
{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}
{% set x = 1 %}{% if y %}{% set x = 2 %}{% endif %}{{ x }}
{% for i in l %}{% set w2 = i %}{% endfor %}{{ w2 is defined }}
{% set x %}block {{ a }} {% endset %}[{{ x }}]{% set x | upper %}abc{% endset %}{{ x }}
{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y is defined }}
{% set ns = namespace() %}{% set ns.a = [] %}{% set ns.a = ns.a + [1] %}{{ ns.a }}{% set ns = namespace({"k": 5}, z=1) %}{{ ns.k }}{{ ns.z }}
{% set ns = namespace(_x=1) %}
{% set d.k = 1 %}
{% set missing.k = 1 %}
{% macro f1(x, y=2, z="d") %}{{ x }}/{{ y }}/{{ z }}{% endmacro %}{{ f1(1) }} {{ f1(1, 3) }} {{ f1(x=5, z=6) }} {{ f1() }}
{% macro f1(x) %}{{ x }}{% endmacro %}{{ f1(1, 2) }}
{% macro f1(x) %}{{ x }}{% endmacro %}{{ f1(w=2) }}
{% macro f1(x) %}{{ x }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f1(1, 2, 3, k=4) }}
{% macro f1(n) %}{{ n }}{% if n > 0 %}{{ f1(n - 1) }}{% endif %}{% endmacro %}{{ f1(3) }}
{% macro f1() %}{{ s }}{% set s2 = 1 %}{% endmacro %}{{ f1() }}{{ s2 is defined }}{{ f1.name }}
{% macro f1(x) %}  {{- x -}}  {% endmacro %}[{{ f1("a") }}]{{ f1("a")|length }}{{ f1("a") is string }}{{ f1("a") + "b" }}
{% macro f1(x) %}<{{ caller() }}{{ x }}>{% endmacro %}{% call f1(1) %}body {{ a }}{% endcall %}
{% macro f1() %}{{ caller(7) }}{% endmacro %}{% call(v) f1() %}[{{ v }}]{% endcall %}
{% macro f1(x, y=x) %}{{ x }}{{ y }}{% endmacro %}{{ f1(3) }}
{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}
{% for x in l %}{% macro f1() %}{{ x }}{% endmacro %}{{ f1() }}{% endfor %}
{{ f2(1) }}{% macro f2(x) %}{{ x }}{% endmacro %}
{% filter upper %}abc {{ s }}{% endfilter %}
{% with x = 1, y2 = 2 %}{{ x }}{{ y2 }}{% endwith %}{{ x is defined }}
{% raw %}{{ a }} {% if %}{% endraw %}|{%- raw -%}  x  {%- endraw -%}  y
{# comment {{ a }} #}x{#- c -#}  y
{% generation %}text{% endgeneration %}
{% do l %}
{% include "x" %}
{% extends "x" %}
{% block b %}in block{% endblock %}
{{ raise_exception("boom: " ~ a) }}
before{{ raise_exception("x") }}
{{ strftime_now("%Y-%m-%d") }}|{{ strftime_now("%d %b %Y") }}|{{ strftime_now("%A, %B %d, %Y %H:%M:%S %j %y %p %I %%") }}|{{ strftime_now is defined }}
{{ dict(a=1, b="x") }}|{{ dict(a=1).a }}|{{ dict() }}|{{ {} }}|{{ {"a": 1, "b": {"c": []}} }}|{{ [1, "x", none, true, 1.5, [2]] }}|{{ (1, 2) }}|{{ (1,) }}|{{ () }}
{{ "a" "b" 'c' }}|{{ 'it\'s' }}|{{ "tab\tnl\nq\"\\ \u00e9 \x41 \101 \d" }}|{{ '\U0001F600' }}
{{ ["it's", 'say "x"', "both ' and \"", "nl\n", "\u00e9", "\u200b", "\x7f", "\xa0", "😀", "\\"] }}
{{ 1_000 }}|{{ 0x10 }}|{{ 0b11 }}|{{ 0o17 }}|{{ 1.5e3 }}|{{ 1e3 }}|{{ 10.0 }}|{{ 9223372036854775807 }}|{{ 9223372036854775807 + 1 }}
{{ True }}{{ true }}{{ False }}{{ None }}{{ none }}{{ not True }}
{{ [1, 2,] }}|{{ {"a": 1,} }}|{{ l[ 0 ] }}|{{a}}|{{-a-}}|{{ a }}
{{ l | first | string ~ "x" }}|{{ -5 | abs }}|{{ 1 + l | length }}|{{ "a" ~ "b" | upper }}|{{ a if y else b | string }}|{{ not l | length == 3 }}
{{ s|upper|lower|replace("h", "j")|trim|length }}|{{ (s|upper)[0] }}|{{ s.upper().lower()[1:3] }}|{{ [1, 2][0] }}|{{ {"a": [5]}["a"][0] }}|{{ "abc"[1] }}
{{ m[0].role }}|{{ m[-1]["content"] }}|{{ m[0]["role"].upper() }}|{{ (m|last).content }}|{{ m|length - 1 }}|{{ m[m|length - 1].content }}|{{ m[1:][0].role }}
{{ m|map(attribute="role")|unique|join }}|{{ m|selectattr("role", "eq", "user")|map(attribute="content")|join("+") }}|{{ (m|selectattr("role", "eq", "tool")|list)|length > 0 }}
{{ m|selectattr("role", "equalto", "user") is iterable }}|{{ l|map("string") is sequence }}
{{ {"a": {"b": {"c": 5}}}.a.b.c }}|{{ [{"x": {"y": 1}}, {"x": {"y": 2}}]|map(attribute="x.y")|list }}|{{ [[1, 2], [3, 4]]|map(attribute=1)|list }}|{{ [{"x": {"y": 1}}]|selectattr("x.y", "eq", 1)|list|length }}
{{ "__class__" in d }}|{{ s.__class__ }}
{{ l.__class__.__mro__ }}
{{ d["__class__"] }}|
{{ self }}
{{ cycler("a", "b").next() }}|{% set j = joiner(", ") %}{{ j() }}a{{ j() }}b
{{ lipsum is defined }}|{{ range is defined }}|{{ namespace is defined }}|{{ dict is defined }}|{{ cycler is defined }}|{{ joiner is defined }}|{{ raise_exception is defined }}
{{ s|urlencode }}|{{ "a b&c/é"|urlencode }}|{{ {"a": 1, "b": "x y"}|urlencode }}|{{ 1234567|filesizeformat }}|{{ "a b c d"|wordwrap(3) }}|{{ {"a": 1}|xmlattr }}|{{ [1, [2]]|pprint }}
{{ "a"|attr("upper") is defined }}|{{ d|attr("k") is defined }}
{{ "  a  b "|trim|replace(" ", "")|upper ~ "!" }}{{ ""|length == 0 }}
{{ l is sequence and l is not string and l is not mapping }}|{{ d is iterable and d is not string }}|{{ a is not number or y }}|{{ a is defined and a == 1 }}|{{ 3 is divisibleby(3) and true }}
{{ "a" in ["a"] and "b" not in ["a"] }}|{{ (1 in l) == true }}|{{ 1 if 1 in l else 2 }}|{{ "x" if not missing else "y" }}|{{ a if a is defined else "q" }}
{% if missing %}a{% else %}b{% endif %}{% if missing is defined and missing.x %}a{% endif %}{% if d.x is not defined %}c{% endif %}{% if not missing.x is defined %}{% endif %}
{% set messages = m[1:] if m[0].role == "user" else m %}{{ messages|length }}{% set x = (a == 1) and "t" or "f" %}{{ x }}
{% set content = none %}{% if content is string %}s{% elif content is none %}n{% endif %}{% set z2 = [] %}{% set z2 = z2 + ["x"] %}{{ z2 }}
{% set foo = ["a"] %}{{ foo + ["b"] }}{% set _ = foo.append("c") %}{{ foo }}
{% for m1 in m %}{% set role = m1.role %}{{ "[" ~ role ~ "]" }}{% if loop.first and role != "system" %}F{% endif %}{% if not loop.last %},{% endif %}{% endfor %}
{% for m1 in m[::-1] %}{% set index = (m|length - 1) - loop.index0 %}{{ index }}{{ m1.content }}{% endfor %}
{{ "a\r\nb"|replace("\r\n", "\n") }}|{{ "x\ry" }}
{{ [1,2,3]|sum(start=10) }}|{{ m[:2]|sum(attribute="w") }}|{{ ["b","a"]|min }}|{{ m[:2]|max(attribute="w") }}
{{ 10 // 3 * 3 + 10 % 3 }}|{{ 2 ** 3 * 2 }}|{{ 1 - 1 - 1 }}|{{ 8 / 2 / 2 }}|{{ "a" ~ 1 + 2 }}|{{ 1 ~ 2 == "12" }}|{{ 5 > 3 == true }}
{{ {"a": 1}.items()|list }}|{{ {"a": 1}.items()|first }}|{{ {"b": 1, "a": 2}.keys()|sort|join }}|{{ {"a": none}.a is none }}|{{ {"a": 1} | tojson | length }}
{{ {"a": 1, "a": 2} }}|{{ {1: "x"}[1] }}|{{ {1: "x"}["1"] is defined }}|{{ {"x": 1}.get("x").__class__ is defined }}
{{ l|tojson|safe }}|{{ "<b>"|escape|length }}|{{ "<b>"|safe|escape }}|{{ ("<b>"|escape) ~ "<i>" }}
{{ "abc"|list|reverse|join }}|{{ l|reverse|list }}|{{ "Hello World"|lower|replace("o", "0")|title }}
{{ true|tojson }}|{{ (1 == 1)|string|lower }}|{{ 1.0 == 1 }}|{{ 1|float|tojson }}|{{ 1.5|int + 1 }}
{{ s is not string }}|{{ s is string is true }}
{{ 5 is number and "x" is string or false }}|{{ not 5 is number }}
{{ "abc" is startingwith "a" }}
{{ l[1:2] }}{{ l[a] }}{{ l[a:] }}{{ l[-a] }}{{ m[a].role }}{{ d[s] is defined }}{{ d["k"][0] }}
{%- set a = 5 -%} {{- a -}} 
{{ a }
{{ a
{% if a %}
{% endif %}
{% for x in l %}{% endif %}
{% foo %}
{{ }}
{{ a b }}
{{ 1 + }}
{{ "unclosed }}
{{ [1, 2 }}
{{ (1 }}
{{ a.b. }}
{{ a|  }}
{% set %}
{% set x = %}
{% for x l %}{% endfor %}
{% macro %}{% endmacro %}
{# unclosed
{% raw %} unclosed
%} }} #}
{ a } {% %}
{ { a } }
$ {{ "{{ nested }}" }} {{ "%}" }} {{ '}}' }}
'''

WHITESPACE = [
    '{% for tool in [{"name": "x", "p": {"type": "object"}}] %}{{- tool | tojson(indent=4) }}\n{{- tool.p.type -}}{% endfor %}\n',
    '{{ "\\n" }}|{{ "a\nb" }}',
    "  {% if y %}\n  a\n  {% endif %}\nb\n", "a  {%- if y -%}  b  {%- endif -%}  c", "a\n{{ s }}\nb", "a \n {{- s -}} \n b",
    "{% if y %}\nx\n{% endif %}\n", "{% if y %}\n\nx\n\n{% endif %}\n\n", "\n{% if y %}x{% endif %}\n", "x {% if y %} y {% endif %} z",
    "\t {% set x = 1 %} \n{{ x }}\n", "{# c #}\nx", "  {# c #}  \nx", "x {#- c -#} \n y", "{% for i in l %}\n  {{ i }}\n{% endfor %}\nend",
    "{% for i in l -%}\n  {{ i }}\n{%- endfor %}\nend", "{%+ if y %}a{%+ endif %}", "   {%+ if y %}a\n   {%+ endif %}", "{% if y +%}\na{% endif +%}\nb",
    "{{ s }}\n", "{{ s }}\n\n", "a\n", "a\r\nb\r\n{{ s }}\r\nc", "a\rb{% if y %}\rc{% endif %}\rd", "{% if y %}\r\nx{% endif %}\r\ny",
    "line\n    {%- for i in l %}\n    {{- i }}\n    {%- endfor %}\nend\n", "{{- '\\n' -}}   x", "   \n\t {{- s }}", "{{ s -}}   \n\n  x",
    "\u00a0{%- if y %}\u00a0x{% endif %}", "a\u2003{%- if y %}b{% endif %}", "x\n\u3000{% if y %}b{% endif %}", "x{%if y%}y{%endif%}z", "{%-if y-%} y {%-endif-%} z",
    "{{s}}{{ s}}{{s }}", "{{\ns\n}}", "{%\nif y\n%}a{%\nendif\n%}", "{{ [\n1,\n2\n] }}", "a{# x\ny #}\nb", "{% raw %}\n a \n{% endraw %}\nb", "  {% raw %} x{% endraw %}  {% if y %}", "",
    " ", "\n", "{", "}", "{%", "a{", "{{'{'}}", "{{ 1 }}{", "#}", "{##}", "{#}#}", "{%-%}", "{{-}}", "{{ '-' }}-}}", "{{ a -}}\n{{- a }}", "{{ -a }}", "{{- -a }}", "{{ a - -}}",
    "{% if y -%}\n\n  x\n\n{%- else -%} z {%- endif %}\n w",
]

LONG = [
    "{% for x in range(1000) %}{{ x }}{% endfor %}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}x{% endif %}{% endmacro %}{{ f(50) }}",
    "{{ " + "(" * 60 + "1" + ")" * 60 + " }}",
    "{{ " + " + ".join(["1"] * 200) + " }}",
    "{{ " + "[" * 50 + "]" * 50 + " }}",
    "{% if y %}" * 15 + "x" + "{% endif %}" * 15,
    "{{ 'ab' * 1000 }}",
    "{{ range(100001)|length }}",
]

# What no real chat template of our collection needs.
def split(line):
    """Parts that share no state are cases of their own."""
    if "{%" in line or "}}|{{" not in line:
        return [line]
    parts = line.split("}}|{{")
    return [("{{" if i else "") + part + ("}}" if i < len(parts) - 1 else "") for i, part in enumerate(parts)]


CASES = list(dict.fromkeys([part for line in TEMPLATES.strip("\n").split("\n") for part in split(line)] + WHITESPACE + LONG))
