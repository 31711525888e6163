#!/usr/bin/env python3
"""Small templates that look into the corners of the language, rendered by the reference.

Writes jinja-cases.json in the format of templates/language.json (README.md). Where language_cases.py
has one case for each feature, these are the borders: ends of slices, empty operands, scopes, white
space, Unicode, numbers, and what fails.
"""
import itertools
import json
import pathlib
import re

import generate_templates as reference
from transformers.utils import chat_template_utils as ctu

CONTEXT = {
    "i": 7, "j": -3, "z": 0, "f": 2.5, "g": -0.0, "t": True, "n": None,
    "s": "héllo wörld", "a": "abcabc", "e": "", "w": " \t a  b\n c \u3000", "x": "<|im_end|>",
    "k": "日本語テキスト", "q": "it's \"q\"\\ \x07\u200b\U0001f600\u00ad",
    "l": [5, 3, 9, 1], "p": [[1, "a"], [2, "b"]], "el": [], "tw": ["b", "A", "a", "B", "ß"],
    "d": {"b": 1, "a": {"x": [1, {"y": None}]}, "keys": "shadowed", "é": "ü"}, "ed": {},
    "m": [{"role": "system", "content": "S"}, {"role": "user", "content": " U "},
          {"role": "assistant", "content": None, "calls": [{"f": {"name": "g", "args": {"p": 1.0}}}]},
          {"role": "tool", "content": [{"type": "text", "text": "T"}, {"type": "image"}]}],
}

ENDS = ["", "0", "1", "-1", "3", "-3", "99", "-99"]
STEPS = ["", "1", "2", "-1", "-2"]


def slices(name):
    """Every combination of ends, one case for each step."""
    for step in STEPS:
        yield "|".join("{{ %s[%s:%s:%s] }}" % (name, a, b, step) for a, b in itertools.product(ENDS, ENDS))


def applied(expressions, values):
    """Each expression with each value in place of `_`."""
    for expression in expressions:
        yield "|".join("{{ %s }}" % expression.replace("_", v) for v in values)


STRINGS = ["s", "a", "e", "w", "k", "q", "'ǆungla Straße ﬁn'", "'ΑΣ ΌΔΟΣ Σ'", "'İI ıi'", "'1 a_b-c'", "'tab\\tx\\r\\ny\\x0bz\\x1c'"]
NUMBERS = ["i", "j", "z", "f", "g", "t", "1e16", "1e22", "123456789.125", "0.1", "1e-5", "2.675", "1e300"]
VALUES = ["i", "f", "g", "t", "n", "s", "e", "l", "el", "d", "ed", "(1, 2)", "()", "missing", "range(3)", "namespace(a=1)",
          "d.items()", "l|map('string')", "raise_exception", "s.upper"]
PLAIN = VALUES[:-4]

CASES = [
    *slices("s"),
    *slices("l"),
    *slices("(1, 2, 3, 4)"),
    *slices("e"),
    *applied([
        "_.upper()", "_.lower()", "_.title()", "_.capitalize()", "_.swapcase()", "_|title", "_|capitalize",
        "_|upper", "_.split()", "_.split(' ')", "_.split(None, 1)", "_.rsplit(None, 1)", "_.rsplit(' ', 1)",
        "_.split('l')", "_.split(' ', 0)", "_.splitlines()", "_.splitlines(true)", "_.strip()", "_.lstrip()",
        "_.rstrip()", "_.strip('a \\n')", "_|trim('a')", "_.partition(' ')", "_.rpartition(' ')",
        "_.find(' ')", "_.rfind('l')", "_.count('')", "_.count(' ')", "_.count('a', 1, -1)",
        "_.startswith('')", "_.endswith(('b', 'd', ' '))", "_.startswith('a', 3)", "_.endswith('c', 0, 3)",
        "_.replace('', '-')", "_.replace('a', '', 1)", "_.replace('abc', 'x')", "_|replace('', '.', 2)",
        "_.removeprefix('ab')", "_.removesuffix('bc')", "_.isalpha()", "_.isalnum()", "_.isspace()",
        "_.isupper()", "_.islower()", "_.isascii()", "_.isprintable()", "_.zfill(5)", "_.ljust(5, '*')",
        "_.rjust(14)", "_.center(15, '.')", "_|length", "_|reverse", "_|list", "[_]", "_|tojson", "_|first",
        "_|last", "_|indent(2)", "_|indent(2, true)", "_|indent('>', true, true)", "_|wordcount", "_|escape",
        "(_|e) ~ '<'", "(_|e) + '<'", "_|tojson(ensure_ascii=true)", "_ in s", "'a' in _", "_|string|length",
        "_ ~ _", "_ * 2", "_|int", "_|float", "_|unique|list", "_|select('in', 'abc')|join", "_|sort|join",
        "_ < 'b'", "_.join(['1', '2', '3'])", "_|join('-')", "'%s' % _", "'{}|{!r}'.format(_, _)"], STRINGS),
    *applied([
        "_", "-_", "+_", "_|abs", "_|round", "_|round(1)", "_|round(2)", "_|round(-1)", "_|round(1, 'ceil')",
        "_|round(1, 'floor')", "_|string", "_|tojson", "_ + 1", "_ - 0.5", "_ * 3", "_ / 4", "_ // 2",
        "_ % 3", "_ // -2.5", "_ % -3", "_ ** 2", "_ == 1", "_ > 0", "_ in [7, 2.5]", "_ is odd",
        "_ is integer", "_ is float", "_ is number", "_ is boolean", "[_]", "_ ~ ''", "not _", "_ or 'x'",
        "_ and 'x'", "'%s %r %.2f' % (_, _, _)", "{_: 1}[_]"], NUMBERS),
    *applied([
        "_|int", "'%d' % _", "'%5d|%-5d|%05d|%+d|%x' % (_, _, _, _, 255)"], [n for n in NUMBERS if n not in ("1e22", "1e300")]),
    *applied([
        "_ is defined", "_ is none", "_ is string", "_ is mapping", "_ is iterable", "_ is sequence",
        "_ is number", "_ is callable", "_ is true", "_ is boolean", "not _", "_ is undefined",
        "'y' if _ else 'n'", "_|default('D')", "_|default('D', true)", "_ == none", "_ != 1",
        "_ is sameas none", "[] == _", "(_ or 'other') is string"], VALUES),
    *applied([
        "_ == _", "_ != _", "_ in [_]"], PLAIN),
    *applied([
        "_ == _"], ["d.items()", "d.keys()", "d.values()"]),
    *applied([
        "_.x is defined", "_['x'] is defined", "_[0] is defined", "_|attr('x') is defined",
        "_.items is defined", "_['items'] is defined", "_[none] is defined"], [v for v in VALUES if v != "missing"]),
    *("{{ %s }}" % f.replace("_", v) for f in ["_|length", "_|list", "_|first", "_|last", "_|join('+')", "_|string", "_|tojson", "_|sum", "_|max", "_|reverse|list",
                                                "_|upper", "_ + _", "_ < _", "_[0]", "_['x']", "_.x", "_ in _", "[_]", "_|items|list", "_|sort", "_|dictsort", "_()"]
          for v in VALUES if not (v in ("raise_exception", "s.upper", "l|map('string')", "d.items()") and f in ("_|string", "[_]", "_|upper", "_|reverse|list"))
          if not (v == "range(3)" and f == "_|reverse|list") and not (v == "d.items()" and f == "_ < _")),
    # containers
    "{{ d }}|{{ d.a.x[1].y }}|{{ d['a']['x'][-1]['y'] }}|{{ d.get('zz', d.get('b')) }}|{{ d.keys()|list }}|{{ d['keys'] }}|{{ d.é }}",
    "{{ d|items|map('first')|join(',') }}|{{ d.items()|map('last')|list }}|{{ d|dictsort(by='key')|first|first }}",
    "{{ d|tojson }}|{{ d|tojson(indent=2) }}|{{ m|tojson }}|{{ m|tojson(indent=1, sort_keys=true) }}",
    "{{ {'b': 1, 'a': [], 'c': {}, 'd': [{}], 'e': [[], [1]]}|tojson(indent=3) }}",
    "{{ [1, [2, {'a': 3}]]|tojson(indent='--') }}",
    "{{ {'a': 1}|tojson(separators=('; ', ' = ')) }}|{{ [1, 2]|tojson(indent=2, separators=(',', ':')) }}|{{ []|tojson(indent=2) }}",
    "{{ {'z': 1, 'é': 2, 'a': 3}|tojson(sort_keys=true) }}|{{ {1.5: 1, 2: 2, true: 3}|tojson }}|{{ {(1, 2): 3}|tojson }}",
    "{{ {1: 'a', 1.0: 'b', true: 'c'} }}|{{ {'a': 1, **d} }}",
    "{{ dict(d, b=2, c=3) }}|{{ dict([('a', 1), ('b', 2)]) }}|{{ dict(**ed) }}",
    "{{ [1, 2] + [3] }}|{{ [[1] * 2] * 2 }}|{{ (1,) + (2, 3) }}|{{ [1, 2] == (1, 2) }}|{{ (1, [2]) == (1, [2.0]) }}|{{ [1, [2, 3]] < [1, [2, 4]] }}",
    "{{ 1, 2 }}|{{ (1, (2, (3,))) }}|{{ [none, true, 1.5, 'x', [], {}, ()] }}|{{ {'k': ('v', 1)} }}",
    "{{ [1] in [[1], 2] }}|{{ 1 in (2, 1.0) }}|{{ 'b' in d }}|{{ none in d }}|{{ [1] not in [] }}|{{ '' in '' }}|{{ 2 in range(3) }}|{{ 1 in d.values() }}",
    "{{ [] in d }}",
    "{{ l.index(9) }}|{{ l.count(3) }}|{{ (1, 2, 1).count(1) }}|{{ (1, 2).index(2) }}",
    "{{ l.index(4) }}",
    "{{ l.copy() == l }}|{{ d.copy() == d }}",
    "{{ range(3)|list }}|{{ range(1, 10, 4)|list }}|{{ range(5, 0, -2)|list }}|{{ range(3)[-1] }}|{{ range(3)|length }}|{{ range(0) }}|{{ range(1, 5, 2) }}",
    "{{ range(9)[2:5] }}|{{ range(9)[::-2]|list }}|{{ range(1, 9, 3)[1:] }}|{{ range(0)[1:]|list }}",
    "{{ range(1, 2, 0) }}",
    "{{ range('a') }}",
    "{{ range(1.5) }}",
    "{{ range() }}",
    "{{ l|sort }}|{{ l|sort(reverse=true) }}|{{ tw|sort }}|{{ tw|sort(case_sensitive=true) }}|{{ tw|sort(reverse=true) }}|{{ l|min }}|{{ l|max }}|{{ tw|min }}|{{ tw|max }}",
    "{{ p|sort(attribute=1, reverse=true) }}|{{ p|sort(attribute='1,0') }}|{{ p|map('first')|sum }}|{{ p|sum(attribute=0) }}|{{ l|sum(start=0.5) }}",
    "{{ m|map(attribute='role')|join(' ') }}|{{ m|map(attribute='calls')|list }}|{{ m|map(attribute='calls', default='-')|list }}",
    "{{ m|selectattr('calls')|map(attribute='calls.0.f.name')|list }}|{{ m|rejectattr('content', 'string')|map(attribute='role')|list }}",
    "{{ m|selectattr('role', 'in', ['user', 'tool'])|map(attribute='role')|list }}|{{ m|selectattr('content', 'none')|list|length }}|{{ m|rejectattr('calls', 'defined')|list|length }}",
    "{{ m|map(attribute='content')|select('string')|map('trim')|list }}|{{ l|map('round', 1)|list }}|{{ l|select('>', 3)|list }}|{{ l|reject('odd')|list }}",
    "{{ l|map('nosuch')|list }}",
    "{{ l|select('nosuch')|list }}",
    "{{ l|map|list }}",
    "{{ m|selectattr|list }}",
    "{{ n|map('upper')|list }}|{{ e|select|list }}",
    "{{ l|map('string')|map('int')|select('odd')|list }}|{{ [p, p]|map('first')|map('last')|list }}",
    "{{ [1, 0, none, 'a', '', []]|select|list }}|{{ [1, none]|reject|list }}",
    "{{ tw|unique|list }}|{{ tw|unique(case_sensitive=true)|list }}|{{ [1, 1.0, true, 2]|unique|list }}",
    "{{ [[]]|unique|list }}",
    "{{ m|groupby('role')|map('first')|list }}|{% for g in m|groupby('role') %}{{ g.grouper }}:{{ g.list|length }};{% endfor %}",
    "{{ [1, 2, 3, 4, 5]|batch(2, 'x')|list }}|{{ [1, 2, 3, 4, 5]|slice(3)|list }}|{{ [1, 2, 3, 4, 5]|slice(3, 'x')|list }}|{{ el|batch(2)|list }}",
    "{% set it = l|map('string') %}{{ it|first }}{{ it|join }}{{ it|list }}",
    "{% set it = m|selectattr('role') %}{% for x in it %}1{% endfor %}{% for x in it %}2{% endfor %}",
    "{% set it = [1, 'a']|map('abs') %}{{ it|first }}",
    "{% set it = d|items %}{{ it|list|length }}{{ it|list|length }}",
    "{% set v = d.values() %}{{ v|list|length }}{{ v|list|length }}",
    # attributes and items
    "{{ d.items is callable }}|{{ d['items'] is callable }}|{{ d.a['keys'] is callable }}|{{ s['upper']() }}|{{ l['count'](5) }}",
    "{{ s.nothing is defined }}|{{ l.nothing is defined }}|{{ i.nothing is defined }}|{{ n.nothing is defined }}|{{ l['0'] is defined }}|{{ s[1.0] is defined }}",
    "{{ missing.a.b }}",
    "{{ d.zz.a }}",
    "{{ n.a.b }}",
    "{{ s.nothing.a }}",
    "{{ missing[0] }}",
    "{{ missing() }}",
    "{{ d.zz() }}",
    "{{ n() }}",
    "{{ 'a'() }}",
    "{{ s.__len__ }}|{{ d.__class__ is defined }}|{{ d['__init__'] is defined }}",
    "{{ s.__len__() }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ d.clear() }}",
    "{{ d.setdefault('a', 1) }}",
    "{{ l.sort() }}",
    "{{ l.reverse }}|{{ l.extend is defined }}",
    "{{ p[0][1] }}{{ p[1].0 }}{{ p.0.1 }}",
    "{{ l[t] }}|{{ l[-4] }}|{{ l[4] is defined }}|{{ l[-5] is defined }}",
    "{{ (1, 2)[1] }}|{{ 'abc'[0] }}|{{ 'abc'[-1:] }}|{{ 'abc'[5:] }}|{{ {'a': {'b': 1}}['a'].b }}|{{ k[1:3] }}|{{ k[-1] }}|{{ k[::-1] }}",
    # operators
    "{{ 2 + 3 * 4 }}|{{ (2 + 3) * 4 }}|{{ 2 ** 3 ** 2 }}|{{ -2 ** 2 }}|{{ 7 // 2 * 2 + 7 % 2 }}|{{ 1 - 2 - 3 }}|{{ 8 / 2 / 2 }}|{{ 2 * -3 }}|{{ - - 2 }}|{{ 10 % 4 * 2 }}",
    "{{ 1 < 2 < 3 }}|{{ 3 > 2 > 2 }}|{{ 1 == 1 == 1 }}|{{ 1 < 3 in [3] }}|{{ 1 in [1] == true }}|{{ not 1 == 2 }}|{{ not true in [false] }}|{{ 'a' < 'b' < 'c' }}",
    "{{ 1 ~ 2 ~ none ~ true ~ [1] ~ missing ~ 1.0 }}|{{ 1 ~ 2 * 3 }}|{{ 'a' ~ 'b' == 'ab' }}",
    "{{ 1 if t }}|{{ 1 if z else 2 if z else 3 }}|{{ (1 if z) is defined }}|{{ 'a' if t and not z else 'b' }}|{{ [1 if t else 2, 3] }}|{{ 1 if z is defined else 2 }}|{{ (1 if z).x }}",
    "{{ z or e or n }}|{{ i and f }}|{{ z and missing.x }}|{{ i or missing.x }}|{{ not not i }}|{{ not z and not e }}|{{ n or missing or 'x' }}",
    "{{ 1 + none }}",
    "{{ 'a' - 'b' }}",
    "{{ [1] - [1] }}",
    "{{ -'a' }}",
    "{{ 'a' * 'b' }}",
    "{{ [1] * 1.5 }}",
    "{{ {} + {} }}",
    "{{ 1 < 'a' }}",
    "{{ [] < () }}",
    "{{ {} < {} }}",
    "{{ 5 // 0 }}",
    "{{ 5.0 % 0 }}",
    "{{ 0 ** -1 }}",
    "{{ 10 ** 18 }}|{{ 2 ** 62 }}|{{ 1.5 ** 2 }}|{{ 4 ** 0.5 }}|{{ 2 ** -2 }}|{{ 0 ** 0 }}|{{ (-2) ** 3 }}",
    "{{ 7.5 // 2 }}|{{ -7.5 // 2 }}|{{ 7.5 % -2 }}|{{ -7.5 % 2 }}|{{ 1e308 * 10 }}|{{ -1e308 * 10 }}|{{ 0.1 + 0.2 }}|{{ 1e15 + 0.3 }}|{{ 100000000000000000.0 }}|{{ 5e-324 }}|{{ 1.7976931348623157e308 }}",
    "{{ 9007199254740993 == 9007199254740992.0 }}|{{ 9007199254740993 > 9007199254740992.0 }}|{{ 0.1 + 0.2 == 0.3 }}|{{ 1 == true }}|{{ 'a' == 1 }}|{{ none == false }}|{{ -0.0 == 0 }}",
    "{{ 3|float }}|{{ '1.5e3'|float }}|{{ ' 7 '|int }}|{{ '-7'|int }}|{{ '+7'|int }}|{{ '7.9'|int }}|{{ '-7.9'|int }}|{{ 'ff'|int(0, 16) }}|{{ '0xff'|int(0, 16) }}|{{ '0b11'|int(0, 2) }}|{{ '077'|int(0, 8) }}|{{ '1_0'|int }}|{{ '1__0'|int(5) }}|{{ 'inf'|float }}|{{ '-inf'|float }}|{{ 'nan'|float }}|{{ 'x'|float(n) }}|{{ []|int }}|{{ {}|float(1) }}",
    # statements
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for x in l|map('string') %}{{ loop.length }}{{ x }}{{ loop.last }}{{ loop.revindex }} {% endfor %}",
    "{% for x in l|map('string') %}{{ x }}{{ loop.nextitem }}{{ loop.previtem }}{{ loop.last }} {% endfor %}",
    "{% for x in l if x > 2 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% else %}none{% endfor %}",
    "{% for x in l if x > 20 %}x{% else %}none{% endfor %}",
    "{% for x in l if loop.index > 1 %}{{ x }}{% endfor %}",
    "{% for k in d %}{{ k }}{{ d[k] }}{% endfor %}",
    "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in ['xy', 'zw'] %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, b in [1] %}{% endfor %}",
    "{% for a, b in [[1]] %}{% endfor %}",
    "{% for c in k %}{{ c }}{{ loop.last }}{% endfor %}",
    "{% for x in range(3) %}{% for y in range(x) %}{{ loop.index }}{{ x }}{{ y }},{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in l %}{% if loop.index == 2 %}{% continue %}{% endif %}{{ x }}{% if x == 9 %}{% break %}{% endif %}{% else %}E{% endfor %}",
    "{% for x in el %}{% else %}E{{ x }}{% endfor %}",
    "{% for x in l %}{% if x == 3 %}{% break %}{% endif %}{% else %}E{% endfor %}",
    "{% for x in l %}{{ x }}{% break %}{% else %}E{% endfor %}",
    "{% for x in l %}{{ x }}{% continue %}{% else %}E{% endfor %}",
    "{{ 'a' % missing }}|{{ '%s' % missing }}|{{ [('<'|safe)] }}|{% set it = 5|batch(2) %}{{ it is iterable }}",
    "{{ 5|batch(2)|list }}",
    "{{ '%d' % missing }}",
    "{% break %}",
    "{% for x in l %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}",
    "{% set x = 1 %}{% for y in l %}{{ x }}{% set x = x + 1 %}{{ x }} {% endfor %}{{ x }}",
    "{% for y in l %}{% set x = y %}{% endfor %}{{ x is defined }}",
    "{% if t %}{% set x = 1 %}{% endif %}{{ x }}{% if z %}{% set x = 2 %}{% else %}{% set x = 3 %}{% endif %}{{ x }}",
    "{% if z %}{% set s = 1 %}{% endif %}{{ s }}",
    "{% set ns = namespace(a=1, b=[]) %}{% for x in l %}{% set ns.a = ns.a + x %}{% set ns.b = ns.b + [x] %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}{{ ns['a'] }}",
    "{% set ns = namespace(found=false) %}{% for x in l if not ns.found %}{{ x }}{% if x == 3 %}{% set ns.found = true %}{% endif %}{% endfor %}",
    "{% set ns = namespace(d, z=1) %}{{ ns.b }}{{ ns.z }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = (b, a) %}{{ a }}{{ b }}{% set c = 1, %}{{ c }}",
    "{% set a, b = 1 %}",
    "{% set a, b = [1, 2, 3] %}",
    "{% set x %} a {{ i }} {% endset %}[{{ x }}]{{ x is string }}{{ x|length }}{% set y | trim | upper %} b {% endset %}[{{ y }}]",
    "{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}",
    "{% set ns = namespace() %}{% set ns.x %}block{% endset %}{{ ns.x }}",
    "{% set s.x = 1 %}",
    "{% set x = x2 = 1 %}",
    "{% set true = 1 %}",
    "{% set 'a' = 1 %}",
    "{% set l[0] = 1 %}",
    "{% macro f(a, b='B', c=none) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ f(1) }}{{ f(1, 2, 3) }}{{ f(c=1, a=2) }}{{ f(*[1, 2]) }}{{ f(**{'a': 1, 'c': 2}) }}{{ f(1, *[2], **{'c': 3}) }}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f() }}{{ f(1, 2, a=3) }}",
    "{% macro f(a) %}{{ a is defined }}{% endmacro %}{{ f() }}{{ f(1) }}{{ f(missing) }}",
    "{% macro f(a) %}{{ caller(a) }}{{ caller(a + 1) }}{% endmacro %}{% call(x) f(1) %}[{{ x }}{{ i }}]{% endcall %}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}{% call f() %}{% endcall %}",
    "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}",
    "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}",
    "{% macro f(n) %}{{ n }}{{ f(n - 1) if n else '' }}{% endmacro %}{{ f(5) }}",
    "{% macro f() %}{{ y }}{% endmacro %}{{ f() }}{% set y = 1 %}{{ f() }}{% set y = 2 %}{{ f() }}",
    "{% macro f(x) %}{% set i = x %}{{ i }}{% endmacro %}{{ f(1) }}{{ i }}",
    "{% macro f() %}{{ x }}{% endmacro %}{% for x in l %}{{ f() }}{% endfor %}",
    "{% macro f(x) %}{% for y in x %}{{ y if y is not iterable else f(y) }},{% endfor %}{% endmacro %}{{ f([1, [2, [3]], 4]) }}",
    "{% macro f() %}  a  {% endmacro %}[{{ f()|trim }}]{{ f() ~ 'x' }}{{ f.name }}{{ f.arguments }}",
    "{% macro f(a, a2=a ~ '!') %}{{ a2 }}{% endmacro %}{{ f('x') }}{{ f('x', 'y') }}",
    "{% macro f(a=1, b) %}{% endmacro %}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}",
    "{% macro f(a) %}{% endmacro %}{{ f(1)|length }}",
    "{% with %}{% set q1 = 1 %}{{ q1 }}{% endwith %}{{ q1 is defined }}",
    "{% with a2 = 1, b2 = a %}{{ a2 }}{{ b2 }}{% endwith %}",
    "{% with i = i + 1 %}{{ i }}{% endwith %}{{ i }}",
    "{% filter upper|replace('A', 'b') %}a{{ s }}{% endfilter %}",
    "{% filter indent(width=2) %}a\nb{% endfilter %}",
    "{% print i, s %}",
    "{% generation %}a{% set gx = 1 %}{% endgeneration %}{{ gx is defined }}",
    "{% block b1 %}{{ i }}{% set bx = 1 %}{% endblock %}{{ bx is defined }}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}",
    "{% set j = joiner('|') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}",
    "{% for i in [{'n': 1, 'c': [{'n': 2, 'c': [{'n': 3}]}]}] recursive %}{{ i.n }}{{ loop.depth }}{% if i.c %}[{{ loop(i.c) }}]{% endif %}{% endfor %}",
    "{% for x in [[1, [2]]] %}{{ loop(x) }}{% endfor %}",
    "{% for x in l %}{{ loop.changed(x > 4) }}{{ loop.cycle('o', 'e') }}{% endfor %}",
    "{% if d.a.x and d.a.x[0] == 1 %}y{% elif t %}z{% else %}w{% endif %}",
    "{% if l is sequence and (l|length) > 3 %}y{% endif %}",
    "{% if t %}{{ x|nosuch }}{% endif %}",
    "{% if z %}{{ x|nosuch }}{% endif %}ok",
    "{{ 1 if t else x|nosuch }}",
    "{{ x|nosuch if z else 1 }}",
    "{% if z %}{% for q in l %}{{ q|nosuch }}{% endfor %}{% endif %}ok",
    "{% macro f() %}{{ 1|nosuch }}{% endmacro %}ok",
    "{% if z %}{% if 1 is nosuch %}{% endif %}{% endif %}ok",
    "{% if z is nosuch %}{% endif %}",
    "{% for x in l|nosuch %}{% endfor %}",
    # calls
    "{{ s.replace('l', 'L', 1) }}|{{ s.split(sep='l') }}|{{ s.split(maxsplit=1) }}|{{ s.upper(1) }}",
    "{{ s|default(default_value='x', boolean=true) }}|{{ e|default(boolean=true, default_value='x') }}",
    "{{ s|default(nosuch=1) }}",
    "{{ s|replace('a') }}",
    "{{ s|upper(1) }}",
    "{{ l|join(d='-') }}|{{ m|join(', ', attribute='role') }}",
    "{{ f(1) }}",
    "{{ i() }}",
    "{{ s.split('l', 1, 2) }}",
    "{{ 'a' is in 'abc' }}|{{ 1 is in l }}|{{ 3 is divisibleby 3 }}",
    "{{ 1 is divisibleby 0 }}",
    "{{ 'a' is odd }}",
    "{{ 1 is eq }}",
    "{{ 1 is defined(2) }}",
    "{{ 1 is not none and 2 is number }}|{{ s is string and s is not mapping }}|{{ not s is string }}|{{ (1 is odd) is true }}|{{ 1 is odd is true }}",
    "{{ 5 is lt 6 and 6 is gt 5 }}|{{ [1] is eq [1] }}|{{ 'x' is in ['x'] }}",
    "{{ raise_exception('a' ~ i) }}",
    "{{ raise_exception() }}",
    "{{ 'x' if t else raise_exception('no') }}",
    "{% if z %}{{ raise_exception('no') }}{% endif %}ok",
    "{{ raise_exception('é“”\\n日本') }}",
    "{{ raise_exception(none) }}",
    "{{ strftime_now('%d %B %Y') }}|{{ strftime_now('%-d %b %y %H:%M:%S') }}|{{ strftime_now('%j %U %W %w %u %V %G %a %A %p %I %e %k %l %F %T %D %R %C %h %n%t%%') }}|{{ strftime_now('') }}|{{ strftime_now('é %Y') }}|{{ strftime_now('%c|%x|%X|%r|%g|%f|%z%Z|%-I') }}",
    "{{ '%s' % 'a' }}|{{ '%s %s' % ('a', 1) }}|{{ '%(k)s' % {'k': 1} }}|{{ '%5s|%-5s|%.2s' % ('a', 'b', 'cde') }}|{{ '%%' % () }}|{{ '%s' % [1] }}|{{ '%r' % 'a' }}",
    "{{ '%s' % () }}",
    "{{ '%s' % (1, 2) }}",
    "{{ 'a' % 1 }}",
    "{{ '%d' % 'a' }}",
    "{{ '{}{}'.format(1, 'a') }}|{{ '{1}{0}'.format('a', 'b') }}|{{ '{a.role}{b[0]}'.format(a=m[0], b=l) }}|{{ '{{}}'.format() }}|{{ '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd') }}|{{ '{:5}|{:05}|{:,}|{:+}|{:.2f}|{:x}|{:%}'.format(1, 2, 1234567, 3, 2.5, 255, 0.5) }}",
    "{{ '{}'.format() }}",
    "{{ '{'.format() }}",
    "{{ '{x}'.format(y=1) }}",
    "{{ '{.__class__}'.format(1) }}",
    # lexer
    "{{ 'a' 'b' \"c\" }}|{{ '\\n\\t\\\\\\'\\x41\\u00e9\\U0001f600\\101\\q' }}|{{ \"a'b\" }}|{{ 'a\\\nb' }}",
    "{{ '\\x4' }}",
    "{{ '\\u12' }}",
    "{{ '\\U00110000' }}",
    "{{ 1_000 }}|{{ 0x_f }}|{{ 0o17 }}|{{ 0b1_1 }}|{{ 00 }}|{{ 1.5 }}|{{ 1e2 }}|{{ 1.5E-2 }}|{{ 1_0.0_1 }}",
    "{{ 007 }}",
    "{{ 1. }}",
    "{{ .5 }}",
    "{{ 1__0 }}",
    "{{ 1e }}",
    "{{ 0x }}",
    "{{ a.1.2 }}",
    "{{ 1.5.x is defined }}",
    "{{ é }}{% set é = 1 %}{{ é }}{% set 日本 = 2 %}{{ 日本 }}",
    "{{ a$b }}",
    "{{ a ! b }}",
    "{{ a ? b }}",
    "{{ `a` }}",
    "{{ a & b }}",
    "{{ a := 1 }}",
    "{{ a = 1 }}",
    "{{ a; b }}",
    "{{ a | }}",
    "{{ | a }}",
    "{{ a is }}",
    "{{ a not b }}",
    "{{ not }}",
    "{{ a in }}",
    "{{ [1 2] }}",
    "{{ {1} }}",
    "{{ {1: } }}",
    "{{ f(a=1, 2) }}",
    "{{ f(**d, 1) }}",
    "{{ f(,) }}",
    "{{ l[] }}",
    "{{ l[1:2:3:4] }}",
    "{{ (,) }}",
    "{{ [,] }}",
    "{{ if }}",
    "{{ a if }}",
    "{{ a else b }}",
    "{% if %}{% endif %}",
    "{% if a %}{% else %}{% else %}{% endif %}",
    "{% if a %}{% elif %}{% endif %}",
    "{% for %}{% endfor %}",
    "{% for x in %}{% endfor %}",
    "{% for 1 in l %}{% endfor %}",
    "{% for x.y in l %}{% endfor %}",
    "{% for x in l %}",
    "{% endfor %}",
    "{% macro f %}{% endmacro %}",
    "{% macro f(1) %}{% endmacro %}",
    "{% call 1 %}{% endcall %}",
    "{% call f %}{% endcall %}",
    "{% set x %}",
    "{% set %}x{% endset %}",
    "{% raw %}",
    "{% endraw %}",
    "{% nosuch %}",
    "{% %}",
    "{%",
    "{{",
    "{#",
    "{% if a",
    "{{ a }",
    "{{ 'a }}",
    "{% filter %}{% endfilter %}",
    "{% filter nosuch %}{% endfilter %}",
    "{% with a %}{% endwith %}",
    "{% if a:%}x{% endif %}",
    "{% for x in l: %}x{% endfor %}",
    "{{ '{{' }}{{ '}}' }}{{ '{%' }}{{ '%}' }}{{ '#}' }}{{ {'a': {'b': 1}}}}",
    "{{ {'a': 1}['a']}}|{{ {} }}|{{{}}}",
    "{{ (((1))) }}|{{ [[[]]] }}|{{ ((1, 2), 3) }}",
    "{# {{ a }} #}{# {% #}{# # } #}x{#--#}y",
    "{% raw %}{{ a }}{% if %}{# c #}{% endraw %}|{%- raw %} x {% endraw -%} y{%raw%}z{%endraw%}",
    # white space
    "  {% if t %}\n  a\n  {% endif %}\n  b\n\n",
    "  {%- if t -%}\n  a\n  {%- endif -%}\n  b\n\n",
    "a  {% if t %} b {% endif %}  c",
    "a\n  {{ i }}\n  b",
    "a\n  {{- i -}}\n  b",
    "a\n  {%+ if t %}\n  b\n  {%+ endif %}\nc",
    "a {% if t +%}\nb{% endif +%}\nc",
    "{% for x in l %}\n- {{ x }}\n{% endfor %}\nend\n",
    "{% for x in l -%}\n- {{ x }}\n{%- endfor %}\nend\n",
    "\n\n{% set x = 1 %}\n\n{{ x }}\n\n",
    "{# a #}\n  {# b #}  \nc",
    "a {#- b -#} \n c",
    "  {# x +#}\ny",
    "a\r\n{% if t %}\r\nb\r\n{% endif %}\r\nc\r",
    "\t{% if t %}\v{% endif %}\f",
    "\u00a0{% if t %}x{% endif %}\u00a0\n",
    "a\n\u2003{% if t %}x{% endif %}",
    "x{{- '' -}} \n y",
    "{{ 1 }}\n",
    "{{ 1 }}\n\n",
    "\n",
    "a\n\n",
    "{% raw %}\n a\n{% endraw %}\nb",
    "  {% raw -%}  a  {%- endraw %}\nb",
    "a\n  {% raw %}\n  b\n  {% endraw %}\n  c",
    "{%- set x = 1 -%}\n\n{{- x -}}\n\n{%- if x -%} y {%- endif -%}\n",
    "{% if t %}\n\n\na{% endif %}",
    "a{{ '\\n' }}\n{% if t %}\nb",
    "{% macro f() %}\n  x\n{% endmacro %}\n[{{ f() }}]",
    "{% macro f() -%}\n  x\n{%- endmacro %}\n[{{ f() }}]",
    "{% set x %}\n  y\n{% endset %}\n[{{ x }}]",
    "{{- i }}\n{{ i -}}\n\n{{ i }}",
    "{{ '<b>'|safe }}{{ '<b>'|e }}{{ ('<b>'|safe) ~ '<i>' }}{{ ('<b>'|safe) + '<i>' }}{{ '<i>' + ('<b>'|safe) }}{{ '<b>'|safe|upper|e }}{{ ('<b>'|e)|e }}{{ ('<b>'|e)|forceescape }}{{ ('<b>'|safe).replace('b', '<') }}{{ ('<b>'|safe)|replace('b', '<') }}{{ ('<b>'|safe)|length }}{{ ('<b>'|safe)[1:] + '<' }}{{ 1|e }}{{ n|safe }}",
    "{{ ('%s'|safe) % '<' }}|{{ ('{}'|safe).format('<') }}|{{ ('<'|safe) * 2 + '<' }}|{{ ('a<'|safe).split('<')|join('<') }}|{{ ('<'|safe)|string + '<' }}|{{ ('<'|safe)|tojson }}|{{ [('<'|safe)] == ['<'] }}",
    "{{ 'a b c d e f g h i'|truncate(7) }}|{{ 'a b c d e f'|truncate(5, leeway=0) }}|{{ 'abcdefghij'|truncate(5, true, '', 0) }}|{{ 'abc'|truncate }}",
    # What the cases above mix with what is not supported, by itself.
    "{% for x in l %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem }},{{ loop.nextitem }};{{ loop.previtem is defined }}{{ loop['nextitem'] is defined }} {% endfor %}",
    "{% for x in l if x > 2 %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }} {% endfor %}",
    "{% for x in l|map('string') %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{{ loop.revindex0 }} {% endfor %}",
    "{% set ns = namespace(stop=false) %}{% for x in l if not ns.stop %}{{ x }}{% if x == 3 %}{% set ns.stop = true %}{% endif %}{% endfor %}",
    "{% set ns = namespace(stop=false) %}{% for x in l if not ns.stop %}{{ x }}{{ loop.last }}{% set ns.stop = x == 3 %}{% endfor %}",
    "{% set it = l|select('gt', 2) %}{% for x in it %}{{ x }}{% break %}{% endfor %}|{{ it|list }}|{{ it|list }}",
    "{% set it = l|map('string') %}{{ '3' in it }}{{ it|list }}",
    "{% set it = l|reverse %}{{ it|first }}{{ it|join(',') }}",
    "{% for x in range(3) %}{{ x }}{% endfor %}|{{ range(2, 8, 3)|list }}|{{ range(3, 0, -1)|list }}|{{ range(5)[1] }}|{{ range(0)|list }}|{{ 3 in range(4) }}|{{ range(4)|length }}",
    "{% macro f1() %}{{ s }}{% set s2 = 1 %}{% endmacro %}{{ f1() }}{{ s2 is defined }}",
    "{% macro f() %}  a  {% endmacro %}[{{ f()|trim }}]{{ f() ~ 'x' }}",
    "{{ '{}-{}'.format(1, 'b') }}{{ '{0}{1}{0}'.format('a', n) }}{{ '{x}{{}}'.format(x=l) }}{{ '{}'.format() }}",
    "{{ '{}-{}'.format(1, 'b') }}|{{ '{0}{1}{0}'.format('a', n) }}|{{ '{x}{{}}'.format(x=l) }}|{{ '{a}'.format('x') }}|{{ '{'.format(1) }}|{{ '}'.format(1) }}|{{ '{}{}'.format(1) }}|{{ '<{}>'.format(s) }}",
    "{{ '<'|forceescape }}|{{ '<' is escaped }}|{{ {(1, 2): 3} }}|{{ {(1, 2): 3}[(1, 2)] }}|{{ (1, 2) in {'a': 1} }}",
    "{{ strftime_now('%a %A %b %B %d %e %F %H %I %j %m %M %p %S %T %y %Y %%') }}|{{ strftime_now('%-d %-m %-H %-I %-M %-S %-j') }}|{{ strftime_now('é%dé') }}",
    "{{ 'ab' is lower }}|{{ 'AB' is upper }}|{{ 'Ab' is lower }}|{{ '1' is upper }}|{{ '' is lower }}|{{ 'ß' is lower }}|{{ '１２'.isdigit() }}|{{ ''.isdigit() }}|{{ '1.5'.isdigit() }}",
    "{{ '+1'|int }}|{{ ' 12 '|int }}|{{ '-3.9'|int }}|{{ '1e3'|int }}|{{ '.5'|float }}|{{ '5.'|float }}|{{ '1e'|float(7) }}|{{ 'e5'|float }}|{{ '-'|int(4) }}|{{ ''|int(4) }}|{{ '1 2'|int(4) }}|{{ '0012'|int }}|{{ '--1'|float(2) }}",
    "{{ {1: 'a', '1': 'b', true: 'c', 1.0: 'd'} }}|{{ {'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6, 'g': 7, 'h': 8, 'i': 9, 'j': 10}.j }}|{{ {none: 1}[none] }}",
]


def split(template):
    """Expressions that share no state are cases of their own."""
    if "{%" in template or "\n" in template or "{{-" in template or "-}}" in template:
        return [template]
    parts = re.split(r"\}\}\|?\{\{", template)
    ends = range(len(parts))
    return [("{{" if i else "") + parts[i] + ("}}" if i < ends[-1] else "") for i in ends]


def main():
    cases, seen = [], set()
    for template in (part for template in CASES for part in split(template)):
        if template in seen:
            continue
        seen.add(template)
        case = {"template": template}
        try:
            context = json.loads(json.dumps(CONTEXT))
            case["expected"] = ctu._compile_jinja_template(template).render(**context)
            if " at 0x" in case["expected"]:
                print("left out, shows an address:", template[:100])
                continue
        except Exception as error:
            case["error"] = str(error)
            case["error_kind"] = reference.kind_of(error)
            if " at 0x" in case["error"]:
                case["error"] = ""
        cases.append(case)
    meta = {"renderer": f"transformers {reference.transformers.__version__}, jinja2 {reference.jinja2.__version__}",
            "now": reference.NOW.isoformat(), "context": CONTEXT}
    path = pathlib.Path(__file__).resolve().parent / "jinja-cases.json"
    reference.write(path, meta, cases)
    print(f"{len(cases)} cases, {sum('error' in c for c in cases)} errors")


if __name__ == "__main__":
    main()
