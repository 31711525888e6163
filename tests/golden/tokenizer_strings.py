"""The strings of tokenizer.json: written by hand, composed from parts, and random from a fixed seed."""
import pathlib
import random
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent

SENTENCES = """
The quick brown fox jumps over the lazy dog.
I'm sure they've said we'll go, you'd think he's right and I don't care, y'all're late.
I'M SURE THEY'VE SAID WE'LL GO, YOU'D THINK HE'S RIGHT.
It’s “quoted” — with ‘curly’ marks… and – dashes.
''s 't 're 've 'm 'll 'd 's't'd'' 'sometimes 'tis 'reason 'very 'llama 'dog
rock'n'roll o'clock fo'c's'le 'S 'T 'RE x'sy x'Sy
Le cœur a ses raisons que la raison ne connaît point ; où ça ?
Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.
El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia. ¿Qué? ¡Sí!
À noite, vovô Kowalsky vê o ímã cair no pé do pinguim queixoso.
Pchnąć w tę łódź jeża lub ośm skrzyń fig.
Příliš žluťoučký kůň úpěl ďábelské ódy.
Árvíztűrő tükörfúrógép.
Flygande bäckasiner söka hwila på mjuka tuvor. Høj bly gom.
Kæmi ný öxi hér, ykist þjófum nú bæði víl og ádrepa.
Pijamalı hasta yağız şoföre çabucak güvendi. İIıi
Съешь ещё этих мягких французских булок, да выпей чаю.
Чуєш їх, доцю, га? Кумедна ж ти, прощайся без ґольфів!
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΐΰ ς σ Σ
דג סקרן שט בים מאוכזב ולפתע מצא חברה.
שָׁלוֹם עֲלֵיכֶם בְּרֵאשִׁית
نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر.
السَّلَامُ عَلَيْكُمْ ١٢٣٤٥٦٧٨٩٠ ۱۲۳ ﷺ
آیا می‌خواهید؟ نیم‌فاصله
ٹیسٹ اردو جملہ۔
ऋषियों को सताने वाले दुष्ट राक्षसों का नाश करने वाले श्री राम १२३
क्षत्रिय क्‍ष र्‍य श्रीमान् नि॑ष्ठा॒
আমি বাংলায় গান গাই। ৳১২৩
ਪੰਜਾਬੀ ਦੀ ਲਿਖਤ
ગુજરાતી ભાષા
தமிழ் மொழி யாமறிந்த மொழிகளிலே கௌ கொ ௧௨௩
తెలుగు భాష క్ష్మ
ಕನ್ನಡ ನುಡಿ
മലയാളം ൽ ക്ഷ്മ
සිංහල ශ්‍රී ලංකා
เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓
ພາສາລາວ
မြန်မာဘာသာ ၁၂၃
ភាសាខ្មែរ ១២៣
བོད་སྐད་ ༡༢༣
ქართული ენა ႠႡ Ⴀ
Հայերեն լեզու և
አማርኛ ቋንቋ ፩፪፫
ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ
ᐃᓄᒃᑎᑐᑦ
монгол ᠮᠣᠩᠭᠣᠯ
いろはにほへと ちりぬるを わかよたれそ つねならむ
色は匂へど散りぬるを我が世誰ぞ常ならむ。「引用」、『二重』
カタカナ ｶﾀｶﾅ ﾊﾞﾊﾟ 〜ー・
天地玄黃宇宙洪荒日月盈昃辰宿列張，寒來暑往。
中文简体字与繁體字混合，１２３ＡＢＣ！？
키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.
각 각 ᄒᆞᆫ글 ㄱㄴㄷ
Tiếng Việt có dấu: ặ ẩ ỗ ữ ợ Ằ
Sphinx of black quartz, judge my vow! ÆŒæœ ſ ŉ ǆ ǅ Ǆ ﬁ ﬂ ﬃ
x² + y² = z², ∑ᵢ₌₁ⁿ i = n(n+1)/2, ∀ε>0 ∃δ>0, ∫₀^∞ e^{-x²}dx = √π/2
½ ⅓ ¼ ⅞ ↉ Ⅷ ⅻ ⅼ ↀ ① ⑳ ⓪ ㉑ ㊿ 〇 一二三 〡〢〣 ٣٫١٤ ௰ ፲ 𝟎𝟏𝟐 𝟙𝟚 🄀 🄁 𐄇 𐄈 ೧ ᛮ 𒐀
→ ⇒ ↔ ★ ☆ ✓ ✗ ■ □ ▲ ♠ ♥ ♫ © ® ™ € £ ¥ ₹ ₽ ₿ § ¶ † ‡ • ‰ № ℃ Å Ω
┌─┬─┐ │ │ │ └─┴─┘ ░▒▓█ ▁▂▃▄
𝕳𝖊𝖑𝖑𝖔 𝓦𝓸𝓻𝓵𝓭 𝔘𝔫𝔦 ｆｕｌｌ ｗｉｄｔｈ 𝐀𝐁 ℍ ℕ ℝ 🅰 🅱 Ⓐ
𐍈 𐎀𐎁 𓀀𓂀 𒀀𒁀 𠀀𠜎𪚥 𪜀 🀄 🂡
""".strip("\n").split("\n")

EMOJI = """😀 😂 🤣 ❤️ ❤ 👍 👍🏽 👍🏿 👋🏻 ✌️ ☝🏼 👨‍👩‍👧‍👦 👩‍👩‍👧 👨‍❤️‍👨 👩🏽‍🚀 🧑🏿‍🤝‍🧑🏻 👁️‍🗨️ 🏳️‍🌈 🏳️‍⚧️ 🏴‍☠️ 🇨🇭 🇺🇸 🇯🇵🇩🇪 🇺
🏴󠁧󠁢󠁳󠁣󠁴󠁿 #️⃣ 1️⃣ *️⃣ 0⃣ 🐻‍❄️ 🐈‍⬛ 🧔‍♂️ 💁‍♀️ 🤦🏼‍♂️ ⚕️ ♂ ☺️ ☺ ⌚ ⏰ ™️ ©️ 🫠 🫶🏾 🪿 🥲 🧿 🗿 🕴️ 🎅🏾 🤷 ‍ ️ 🏽 ⃣ 😶‍🌫️ 🫱🏻‍🫲🏿 💔 🔥🔥🔥 💯 🚀 🎉""".split()

CODE = r'''
#include <stdint.h>
#define MAX(a,b) (((a)>(b))?(a):(b))
static inline uint32_t rotl(uint32_t x, int k) { return (x << k) | (x >> (32 - k)); }
	if (!p || p->next != NULL && *p++ == '\0') goto fail;  /* why */
        for (size_t i = 0; i < n; ++i) sum += a[i]*b[i]; // dot
printf("%-10s|%5.2f%%\n", name, 100.0*x/y);
0xDEADBEEF 0b1010 0o755 1e-9 3.14f 0x1p-3 1_000_000 6.02214076e23 -1.5E+10 .5 5.
def f(x: int, *args, **kwargs) -> dict[str, "T"]:
    return {k: v for k, v in kwargs.items() if v is not None}
@decorator(a=1)
class Foo(Bar[Baz]): ...
    """Docstring."""
lambda x: x**2 if x >= 0 else -x//2
print(f"{x!r:>{width}.{prec}f}", end="")
const f = async ({a, ...rest}) => await g(`${a?.b ?? 'c'}`);
let re = /^(?:\s*\w+|[^"\\]|\\.)*$/giu;
x === y || x !== z && !w; i += 1; j <<= 2; k >>>= 3; a ??= b;
export default function* gen() { yield* [1, 2, 3]; }
fn main() -> Result<(), Box<dyn Error>> { let v: Vec<u8> = vec![0; 10]; Ok(()) }
impl<'a, T: 'a + ?Sized> Deref for Ref<'a, T> { type Target = T; }
SELECT COUNT(*) AS n, t."name" FROM [dbo].tbl t LEFT JOIN u USING (id) WHERE a <> 'it''s' AND b LIKE '%x_';
<div class="a b" id='c' data-x="&lt;&amp;&#39;">text<br/></div><!-- comment -->
<script>if (a < b && c > d) { alert("</scr" + "ipt>"); }</script>
{"key": [1, 2.5, true, null, "\u00e9\n"], "nested": {"a": {}}}
for f in *.txt; do mv -- "$f" "${f%.txt}.md" 2>/dev/null || exit $?; done
grep -rE '^\s*(TODO|FIXME)' --include='*.c' . | awk '{print $1}' | sort -u | head -n 20
all: $(OBJS)
	$(CC) -o $@ $^ $(LDFLAGS) && strip $@
\begin{equation} \frac{\partial f}{\partial x} = \sum_{i=1}^{n} \alpha_i x_i^{2} \end{equation}
https://example.org:8080/a/b%20c?q=1&r=%E2%9C%93#frag user@example.org C:\Users\x\file.txt ~/.config/../etc
2024-02-29T23:59:60Z 12:34:56.789 192.168.0.1 ::1 fe80::1%eth0 1/2/2024 $1,234.56 €9,99 50% 3x4 10km 5'11" 90°
v1.2.3-rc.4+build.5 sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
camelCase PascalCase snake_case kebab-case SCREAMING_SNAKE __dunder__ _private $var @attr #hashtag a.b.c a::b a->b
!!!!!!!! ???? ...... ------ ______ ====== ****** ////// ~~~~~ ((((())))) [[[]]] {{{}}} <<<>>> ;;;; :::: ,,,, |||| &&&& ^^^^
| a | b |
|---|:-:|
- [ ] todo
    * nested
> quote
# Title ## Sub
```c
~~~
--- a/file.c
+++ b/file.c
@@ -1,3 +1,4 @@ int main
'''.strip("\n").split("\n")

SPACES = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2000\u2002\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
INVISIBLE = "\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\u3164\ufe00\ufe0f\ufeff\uffa0\ufff9\ufffc\ufffd\ufffe\uffff\U0001d173\U000e0001\U000e007f\U000e0100\U0001fffe\ue000\uf8ff\U000f0000\U0010ffff"


def assigned(rng, count):
    """Code points that Unicode 14 gives a class, so that no library's version of Unicode matters."""
    out = []
    while len(out) < count:
        c = rng.choice((rng.randrange(0x80, 0x3000), rng.randrange(0x3000, 0xD800), rng.randrange(0xE000, 0x10000),
                        rng.randrange(0x10000, 0x20000), rng.randrange(0x20000, 0x30000)))
        if unicodedata.category(chr(c)) != "Cn":
            out.append(chr(c))
    return "".join(out)


def valid_strings(tokens, special):
    rng = random.Random(20250314)
    out = ["", " ", "  ", "a", " a", "a ", "\n", "\0", "\0\0", "a\0b"]
    text = (HERE / "text-512.txt").read_text("utf-8")
    out += [text] + text.split("\n")
    out += SENTENCES + [s.upper() for s in SENTENCES[:20]] + [s.lower() for s in SENTENCES[:20]] + ["\n".join(SENTENCES)]
    out += [unicodedata.normalize("NFD", s) for s in SENTENCES]
    out += EMOJI + [" " + e for e in EMOJI] + ["a" + e + "b " + e + e for e in EMOJI] + ["".join(EMOJI), " ".join(EMOJI)]
    out += CODE + ["  " + c for c in CODE] + ["\n".join(CODE), "\r\n".join(CODE)]

    # white space: every kind alone, in runs, before and after a word and a digit
    for s in SPACES:
        out += [s, s * 2, s * 3, "a" + s + "b", "a" + s * 2 + "b", s + "a", "a" + s, " " + s + "a", s + " a", "1" + s + "2", s + "1", "!" + s + "!", s + "'s"]
    for n in list(range(2, 34)) + [47, 48, 63, 64, 65, 100, 127, 128, 129, 200]:
        out += [" " * n, "a" + " " * n + "b", "\n" * n, "\t" * n + "x"]
    out += ["\n" + " " * n + "x" for n in range(0, 20, 2)] + ["x" + " " * n + "\n" for n in range(0, 6)]
    for _ in range(100):
        out.append("".join(rng.choice(" \t\n\r  \n") for _ in range(rng.randrange(2, 12))) + rng.choice(["", "a", "1", ".", "é"]))
        out.append("".join(rng.choice([" ", "  ", "\n", "\t", "a", "1", "-", "\u00a0", "\u3000"]) for _ in range(rng.randrange(2, 16))))

    # control, format and private characters, and the whole of Latin-1
    out += [chr(c) for c in range(256)] + ["a" + chr(c) + "b" for c in list(range(32)) + list(range(127, 162))]
    out += [c for c in INVISIBLE] + ["a" + c + "b " + c + "c" for c in INVISIBLE] + [INVISIBLE]
    out += ["".join(chr(c) for c in range(32)), "".join(chr(c) for c in range(127, 160)), "\x1b[31mred\x1b[0m\x07\b\x7f"]
    # bytes whose symbols the vocabulary lacks vanish; what stands around them must not
    out += ["a\x04b", "\x01\x04\x02", "in\x04g", "!\x04!", " \x06 ", "\x13\x14\x16\x1d", "\U00040000x", "x\U000bffffy", "\U000f1000"]

    # numbers
    out += [str(n) for n in range(0, 21)] + ["9" * n for n in range(1, 20)] + [f"{n:,}" for n in (1234, 1234567, 10**12)]
    out += [f"{rng.uniform(-1e6, 1e6):.{rng.randrange(6)}f}" for _ in range(30)] + [f"{rng.randrange(10**9):x}" for _ in range(20)]
    out += [" 12", "12 ", " 1 2", "a1b2c3", "1a", "1 a", "1.5.2", "½1", "1½", " ²", "x²", "٣", " ٣٤", "१२ ३", "Ⅷ", " Ⅷ", "①②", "〇一", "𝟘𝟙", "1'2", "1's", "2nd 3rd 4th"]

    # letters and contractions
    for c in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "’s", "'", "''", "'x"):
        out += [c, "it" + c, "it" + c + "x", "it " + c, " " + c, "it" + c + c, "1" + c, "é" + c]

    # long runs
    out += ["a" * n for n in (10, 100, 1000)] + ["ab" * 300, "x\n" * 200, "日本" * 150, "😀" * 100, "é" * 200, "-" * 500, "A" * 257, "the " * 200, "0" * 300]
    out += ["e" + "\u0301" * 30, "".join(c + "\u0300\u0316\u0327" for c in "zalgo"), "क" + "्क" * 30, "\u0301", " \u0301a", "1\u0301", "\u200d\u200d"]

    # special tokens: whole, cut, doubled, wrapped
    for s in special:
        out += [s, s + s, " " + s, s + " ", "a" + s + "b", s + "\n", s[:-1], s[1:], s.upper(), "<" + s + ">", s[:4] + s + s[4:], s + "1 'll",
                s.replace("|", " | "), "\u0301" + s + "\u0301", s[0] + " " + s[1:]]
    out += ["".join(special), " ".join(special), "<|im_start|>system\nYou are terse.<|im_end|>\n<|im_start|>user\n{{ x }}<|im_end|>\n<|im_start|>assistant\n"]
    out += ["<|im_<|im_end|>end|>", "<|im_start", "<|", "<|im_start|", "<||>", "<|im_end|><|im_end", "<file_sep><reponame>x<filename>y<gh_stars>1-10\n"]

    # the vocabulary's own spellings, and merges at their edges
    printable = {b: chr(b) for b in range(33, 127)}
    plain = [t.replace("Ġ", " ").replace("Ċ", "\n") for t in tokens if all(ord(c) in printable or c in "ĠĊ" for c in t)]
    out += rng.sample(plain, min(150, len(plain))) + sorted(plain, key=len)[-20:]
    out += ["".join(rng.sample(plain, rng.randrange(2, 7))) for _ in range(150)]

    # random text
    ascii_ = "".join(map(chr, range(32, 127)))
    out += ["".join(rng.choice(ascii_) for _ in range(rng.randrange(1, 40))) for _ in range(150)]
    out += ["".join(rng.choice("aAeE tTsS'.,1 9-\n") for _ in range(rng.randrange(1, 30))) for _ in range(150)]
    out += [assigned(rng, rng.randrange(1, 16)) for _ in range(150)]
    pieces = SENTENCES + CODE + EMOJI + list(SPACES) + special + ["1", "22", "'s", "x"]
    for _ in range(200):
        parts = [rng.choice(pieces) for _ in range(rng.randrange(2, 5))]
        out.append("".join(p[(k := rng.randrange(max(1, len(p) - 8))):k + rng.randrange(1, 13)] for p in parts))
    return list(dict.fromkeys(out))


MARKS = """<s> </s> <unk> <pad> <bos> <eos> <mask> [INST] [/INST] <<SYS>> <</SYS>> [TOOL_CALLS] <|begin_of_text|> <|end_of_text|> <|eot_id|>
<|start_header_id|> <|end_header_id|> <|im_start|> <|im_end|> <|endoftext|> <|endofprompt|> <|fim_prefix|> <|vision_start|> <think> </think> <tool_call>
</tool_call> <start_of_turn> <end_of_turn> <unused0> <unused99> <2mass> <table> </h1> <strong> <blockquote> <0x0A> <0xE2> <0xff> <|reserved_special_token_0|>""".split()

CHATS = ["<s>[INST] <<SYS>>\nYou are terse.\n<</SYS>>\n\nHi there! [/INST] Hello. </s><s>[INST] And you? [/INST]",
         "<bos><start_of_turn>user\nWhy is the sky blue?<end_of_turn>\n<start_of_turn>model\n",
         "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
         "<|im_start|>user\nHi /no_think<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
         "<s>[INST]Hi[/INST]Hello</s>[INST]More[/INST]", "<s> [INST]  two spaces [/INST]  </s>", "</s></s> <s>\n<s>  a"]


def family_strings(tokens, special):
    """For the vocabularies of several families: all of valid_strings, and more of the same kinds."""
    rng = random.Random(20261128)
    out = valid_strings(tokens, special) + CHATS
    for m in MARKS:
        out += [m, m + m, " " + m, m + " ", "a" + m + "b", "a " + m + " b", m + "\n\n", m[1:], m[:-1], m.upper(), m + "'s", "é" + m + "中", " " + m + "  x"]
    for _ in range(250):
        out.append("".join(rng.choice(MARKS + [" ", "  ", "\n", "a", " the", "é", "中", "😀", "1"]) for _ in range(rng.randrange(2, 8))))
    # U+2581 itself, which sentencepiece takes for a space, and what looks like it
    for s in ("\u2581", "\u2581\u2581", "a\u2581b", "\u2581 a", " \u2581", "\u2582", "\u2580", "_", "\u2581the\u2581cat", "x\u2581\u2581\u2581y", "\n\u2581"):
        out += [s, s + "x", "é" + s]
    # what normalises: composed, decomposed, reordered, Hangul, exclusions, singletons
    marks = "\u0300\u0301\u0302\u0303\u0308\u030a\u0323\u0327\u0328\u0331\u0338\u0345\u0344\u0340\u0341\u0343\u05b0\u05bc\u064b\u0651\u0653\u093c\u09be\u0dcf\u3099\u309a"
    bases = "aAeEiIoOuUcCnNsSyYdDzZwW<>=\u03b1\u03b9\u03c9\u0391\u0439\u0438\u0415\u05d0\u0627\u0648\u0928\u0915\u09c7\u0dd9\u304b\u30cf\u212b\u2126\u1e9b\u00e9\u01d5"
    for _ in range(500):
        out.append("".join(rng.choice(bases) + "".join(rng.choice(marks) for _ in range(rng.randrange(0, 5))) + rng.choice(["", "", " ", "1"]) for _ in range(rng.randrange(1, 5))))
    out += [unicodedata.normalize(form, s) for form in ("NFKD", "NFKC") for s in SENTENCES]
    out += ["\u1100\u1161", "\u1100\u1161\u11a8", "\uac00\u11a8", "\uac00\u1161", "\uac01\u11a8", "\u1100\u1100\u1161", "\u1161\u11a8", "\u1100\u1161\u0301\u11a8", "\u1112\u1175\u11c2", "\u115f\u1160",
            "\u0958\u09dc\u0f43\ufb1d\ufb2c", "\u2adc\u1d15e\U0001d15e\U0001d160", "\uf900\ufa0e\ufa2e\U0002f800", "\u0f73\u0f75\u0f81", "\u0f71\u0f72\u0f74", "a" + "\u0301\u0323" * 40, "\u0323" * 70 + "\u0301",
            "\u0300a", " \u0338=\u0338", "\u0061\u0315\u0300\u05ae\u0300\u0062", "\u00c5\u212b\u0041\u030a", "\U000110ab\U000110a5\U000110ba", "\U00011131\U00011127", "\u0b92\u0bd7\u0b47\u0bbe\u0cc6\u0cc2\u0cd5"]
    # words, numbers and code, mixed at random
    words = " ".join(SENTENCES).split() + " ".join(CODE).split() + EMOJI
    for _ in range(700):
        n = rng.randrange(1, 7)
        out.append("".join(rng.choice(["", " ", " ", " ", "  ", "\n", "\t", "-", "'"]) + rng.choice(words) for _ in range(n)))
    for _ in range(250):
        out.append(rng.choice(["", " "]) + "".join(rng.choice("0123456789") for _ in range(rng.randrange(1, 12))) + rng.choice(["", ".", ",", "e", " ", "%", "th", "\u0662", "\u00b2"]) + "".join(rng.choice("0123456789") for _ in range(rng.randrange(0, 6))))
    for _ in range(200):
        c = rng.choice(["s", "S", "t", "T", "re", "RE", "Re", "ve", "VE", "m", "M", "ll", "LL", "lL", "d", "D", "\u017f", "x", "sx", ""])
        out.append(rng.choice(["it", "IT", "It", "é", "1", " ", "", "\n", "中"]) + rng.choice(["'", "\u2019", "''"]) + c + rng.choice(["", " ", "x", "1", ".", "'s"]))
    for _ in range(250):
        out.append(assigned(rng, rng.randrange(1, 10)) + rng.choice(["", " ", "\n", "a "]) + assigned(rng, rng.randrange(1, 6)))
    for _ in range(200):
        out.append("".join(rng.choice(["{", "}", "(", ")", ";", "\n", "    ", "\t", "if", "return ", "x", "=", "==", "0", "/", "//", "\r\n", "_", "\"", "'", "->", "fooBar", "FOO_BAR"]) for _ in range(rng.randrange(2, 14))))
    out += ["\n" * n + "x" + " " * n for n in range(1, 40)] + [" " * n + "def" for n in range(1, 70, 3)] + ["\t" * n for n in range(1, 40, 3)]
    out += [c * n for c in ("a", "=", "-", "_", "0", "é", "中", "😀", "あ", "\u0e01", "x1", "ha", "аб") for n in (3, 7, 17, 33, 129)]
    return list(dict.fromkeys(s for s in out if len(s.encode()) < 1200))


def invalid_strings():
    rng = random.Random(42)
    out = [b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc2 ", b"a\xc2", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe0\xa0", b"\xe2\x82", b"\xe2\x82 x", b"\xe2",
           b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xed\x9f", b"\xef\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x90", b"\xf0\x9f\x98",
           b"\xf0\x9f\x98 ", b"\xf0\x9f\x98\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe",
           b"\xff", b"\xff\xfe\xfd", b"a\xffb", b" \xff ", b"1\xff2", b"\xff'\xffs", b"\x80\x80\x80", b"\xf0\x9f\x98\x80\x80", b"caf\xe9", b"\xef\xbb\xbf\xff", b"\xe2\x82\xac\x82",
           b"<|im_\xffend|>", b"<|im_end|>\xff<|im_end|>", b"\xc3\x28", b"\xe2\x28\xa1", b"\xe2\x82\x28", b"\xf0\x28\x8c\xbc", b"\xf0\x90\x28\xbc", b"\xf0\x28\x8c\x28", b"\x00\xff\x00"]
    out += [bytes([b]) + b"a" for b in range(0xC0, 0x100, 5)]
    for _ in range(40):
        out.append(bytes(rng.randrange(256) for _ in range(rng.randrange(1, 16))))
    text = "é日本😀x Ж👩‍🚀 1é".encode("utf-8")
    while len(out) < 160:
        cut = bytearray(text)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(cut))
            if rng.random() < 0.5:
                del cut[at]
            else:
                cut[at] = rng.randrange(256)
        out.append(bytes(cut))

    def bad(data):
        try:
            data.decode("utf-8")
            return False
        except UnicodeDecodeError:
            return True
    return [b for b in dict.fromkeys(out) if bad(b)]
