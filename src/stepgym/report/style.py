"""The look of the page: one style sheet for phone and wide screen, light and dark, screen and paper."""

from __future__ import annotations

from stepgym.report.colours import VALUE_BINS, bin_strength

_LIGHT = """
--paper:#fff;--card:#fff;--ground:#f6f7f9;--ink:#1b2027;--muted:#5b6673;--line:#dfe3e8;--soft:#eef1f4;
--blue:#0b62a0;--orange:#b84a00;--low:213 94 0;--high:0 114 178;--bar:#9dbdd6;--tint:#fdf3ea;--neutral:#e9ecf0;
"""
_DARK = """
--paper:#0e1116;--card:#161b22;--ground:#0e1116;--ink:#e6e9ee;--muted:#9aa5b3;--line:#2b333d;--soft:#1e252e;
--blue:#62b0ea;--orange:#f59355;--low:240 126 48;--high:62 150 222;--bar:#38587a;--tint:#2a2018;--neutral:#2b333d;
"""

_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
code,pre,.tokens,.prompt,dd{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-size:.92em;overflow-wrap:anywhere}
main,.top,footer{max-width:1240px;margin:0 auto;padding:0 clamp(16px,3vw,40px)}
.top{padding-top:clamp(28px,5vw,64px)}
h1{font-size:clamp(1.7rem,4vw,2.6rem);line-height:1.12;letter-spacing:-.02em;margin:0 0 8px;text-wrap:balance;
overflow-wrap:anywhere}
h2{font-size:clamp(1.25rem,2.4vw,1.6rem);letter-spacing:-.012em;line-height:1.2;margin:0 0 4px}
h3{font-size:1rem;margin:28px 0 10px;overflow-wrap:anywhere}
p{margin:0 0 12px}
.lede,.note,.muted,small{color:var(--muted)}
.lede{margin-bottom:20px;max-width:44rem}
.note{font-size:.875rem}
.more{color:var(--muted);font-style:italic}
.num{font-variant-numeric:tabular-nums}
main>section{margin-top:clamp(44px,6vw,76px)}
nav{display:flex;flex-wrap:wrap;gap:4px 20px;margin-top:24px;padding:10px 0;border-block:1px solid var(--line);
font-size:.9rem}
nav a{color:var(--muted);text-decoration:none}
nav a:hover,nav a:focus{color:var(--ink);text-decoration:underline}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:24px 40px;margin:36px 0 8px}
.tile b{display:block;font-size:clamp(2rem,4.4vw,3rem);line-height:1.1;letter-spacing:-.03em;font-weight:650}
.tile span{display:block;color:var(--muted);font-size:.9rem;margin-top:4px;max-width:22rem;overflow-wrap:anywhere}
.callout{border-left:3px solid var(--blue);background:var(--soft);border-radius:0 8px 8px 0;padding:12px 18px;
margin-top:28px;font-size:.95rem}
.callout.warn{border-color:var(--orange);background:var(--tint)}
.callout p:last-child{margin:0}.callout p{overflow-wrap:anywhere}
figure{margin:0}
svg{display:block;overflow:visible}
svg text{fill:var(--muted);font-size:11px;font-variant-numeric:tabular-nums}
.grid{stroke:var(--line)}
.card,.trace,.panel{background:var(--card);border:1px solid var(--line);border-radius:12px}
.card h3{margin-top:0}.words{font-weight:400!important}
.card{padding:clamp(16px,2.4vw,28px)}
.bar-row,.bar-scale{display:grid;grid-template-columns:clamp(11rem,26%,17rem) 1fr 9.5rem;gap:0 20px;align-items:center}
.bar-row.first{margin-top:10px}
.who{font-size:.95rem;overflow-wrap:anywhere}.who span{color:var(--muted)}
.again{opacity:0;user-select:none}
.bar{fill:var(--bar)}.bar.best{fill:var(--blue)}
.whisker{stroke:var(--ink);stroke-width:1.6}
.figures{display:grid;grid-template-columns:4.2rem 1fr;gap:8px;text-align:right;white-space:nowrap}
.figures span{color:var(--muted);font-size:.85rem;align-self:center}
.bar-scale svg{grid-column:2}
td.draw{width:40%;padding-top:3px;padding-bottom:3px}.of th{padding-top:16px}tbody th.kind[scope=row]{font-weight:400}
.side{display:flex;flex-wrap:wrap;gap:24px 48px;align-items:center}.side>div{flex:1 1 300px;min-width:0}
.reliability svg{width:100%;max-width:380px;height:auto;margin:0 auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:7px 20px 7px 0;border-bottom:1px solid var(--line);vertical-align:top;font-weight:400}
.facts th,.facts td,.phases th,.words{overflow-wrap:anywhere}
thead th{color:var(--muted);font-size:.8rem;white-space:nowrap}
td.num,th.num{text-align:right;white-space:nowrap}
td:last-child,th:last-child{padding-right:0}
tbody th[scope=row]{font-weight:550}
td.left{text-align:left}
.scroll{overflow-x:auto}
.facts th{width:18rem;color:var(--muted);font-weight:400}.facts.three td.num{width:9rem;font-weight:600}
.phases{max-width:34rem;margin-top:12px}.total th,.total td{font-weight:650;border-bottom:0}
.swatch{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:4px}
.time{border-radius:4px;overflow:hidden}.time rect{stroke:var(--paper);stroke-width:1.5}
details{margin-top:16px}
summary{cursor:pointer;color:var(--muted);font-size:.9rem;padding:4px 0}
summary:hover{color:var(--ink)}
pre{background:var(--soft);border-radius:8px;padding:14px 16px;margin:0;white-space:pre-wrap;overflow-wrap:anywhere;
user-select:all}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(300px,100%),1fr));gap:16px}
.panel{padding:14px 14px 6px;display:flex;flex-direction:column;justify-content:space-between}
.panel svg[viewBox]{width:100%;height:auto}
.panel-head{display:flex;flex-wrap:wrap;justify-content:space-between;gap:2px 12px;font-size:.875rem;margin-bottom:8px}
.keys{display:flex;flex-wrap:wrap;gap:2px 14px;color:var(--muted)}.key{display:inline-flex;align-items:center;gap:5px}
.key .num{color:var(--ink);font-weight:600}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}
.line0{stroke:var(--blue)}.line1{stroke:var(--orange);stroke-dasharray:5 3}
.dot0{fill:var(--blue)}.dot1{fill:var(--orange)}.band{fill:var(--blue);opacity:.16}
.legend{display:flex;flex-wrap:wrap;align-items:center;gap:6px 24px;font-size:.875rem;color:var(--muted);
margin-bottom:16px}
.legend b{font-weight:400}.legend>span{display:inline-flex;align-items:center;gap:6px}
.ramp{display:inline-flex;border-radius:3px;overflow:hidden}.ramp i{width:13px;height:14px}
.pair{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(440px,100%),1fr));gap:16px;margin-bottom:16px;
align-items:start}
.trace{padding:clamp(16px,2vw,24px);min-width:0}
.trace header{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 12px;font-size:.9rem;margin-bottom:12px}
.trace header>*{overflow-wrap:anywhere;min-width:0}.push{margin-left:auto}
.chip{font-size:.8rem;font-weight:650;border-radius:99px;padding:1px 10px;border:1.5px solid currentColor;
white-space:nowrap}
.chip.wrong{color:var(--orange)}.chip.right{color:var(--blue)}.chip.open{color:var(--muted)}
.prompt{color:var(--muted);font-size:.875rem;white-space:pre-wrap;overflow-wrap:anywhere;margin-bottom:12px;
padding-left:12px;border-left:2px solid var(--line);unicode-bidi:isolate;overflow:clip}
.written{display:grid;grid-template-columns:fit-content(calc(100% - 3.6rem)) 2.8rem;gap:0 .8rem;overflow:clip}
.written>.more{grid-column:1/-1}
.tokens{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.95rem;line-height:2;direction:ltr;
unicode-bidi:isolate;min-width:0;min-height:2em}
.tokens span[title]{padding:.18em 0;border-radius:3px}
.tokens span[title]:hover{outline:1.5px solid var(--ink)}
.at{text-align:right;color:var(--muted);font-size:.85rem;line-height:2.2}
.other{color:var(--muted)}
mark{background:none;color:inherit}
.f-refuted,.f-fatal{text-decoration:underline wavy var(--orange) 2px;text-underline-offset:.32em;
text-decoration-skip-ink:none}
.f-warning{text-decoration:underline dashed var(--orange) 1.5px;text-underline-offset:.35em}
.f-proved{text-decoration:underline solid var(--blue) 1px;text-underline-offset:.4em}
.mark{display:inline-block;font:650 .7rem/1.45 system-ui,sans-serif;color:var(--paper);background:var(--orange);
border-radius:99px;min-width:1.45em;text-align:center;padding:0 .3em}
sup.mark{margin:0 2px;vertical-align:.6em}
.value-chart{display:grid;grid-template-columns:1.6rem 1fr;gap:6px;margin-top:18px}
.ends{display:flex;flex-direction:column;justify-content:space-between;text-align:right;font-size:.72rem;
line-height:1;color:var(--muted);margin:-5px 0}
.value-line{fill:none;stroke:var(--blue);stroke-width:2;stroke-linejoin:round}
.shade{fill:var(--orange);opacity:.16}svg .shade-mark{fill:var(--orange);font-weight:700}
.cursor{stroke:var(--ink);stroke-dasharray:2 2}
.readout{font-size:.8rem;color:var(--muted);margin:8px 0 0 calc(1.6rem + 6px);white-space:nowrap;overflow:hidden;
text-overflow:ellipsis}
.certificate{border-left:3px solid var(--orange);background:var(--tint);border-radius:0 8px 8px 0;
padding:12px 16px;margin-top:14px;font-size:.925rem;overflow-wrap:anywhere}
.certificate p{margin:6px 0}.certificate .quote{margin:6px 0}
.certificate dl{display:flex;flex-wrap:wrap;gap:4px 24px;margin:8px 0}
.certificate dl div{display:flex;gap:8px;align-items:baseline}.certificate dt{flex:none;max-width:11rem}
dt{color:var(--muted);font-size:.85rem}dd{margin:0;font-weight:600}
.across{color:var(--muted)}.across b{color:var(--ink)}
.trace .note{margin:12px 0 0}
.picture{margin:14px 0 0}.picture img{max-width:100%;height:auto;background:#fff;border-radius:8px}
.large .tokens{font-size:clamp(1.1rem,2.1vw,1.5rem);line-height:1.85}.large .at{font-size:1rem;line-height:2.4}
@media (min-width:900px){:not(.pair)>.large{display:grid;grid-template-columns:1.6fr 1fr;gap:0 40px}
.large header{grid-column:1/-1}
:not(.pair)>.large .certificate:first-child{margin-top:0}}
footer{padding-top:40px;padding-bottom:56px;color:var(--muted);font-size:.85rem}
@media (max-width:640px){
td.draw,.draw-head{display:none}.side .facts th{width:auto}
.bar-row{grid-template-columns:1fr auto;gap:0 12px;margin-top:10px}
.bar-row svg{grid-column:1/-1;grid-row:2}.bar-scale{display:block}.again{opacity:1}
.stack thead{display:none}.stack tr{display:block;padding:10px 0;border-bottom:1px solid var(--line)}
.stack th,.stack td{display:block;border:0;padding:2px 0;text-align:left!important}
.stack td{display:inline-block;margin-right:18px;color:var(--muted);font-size:.85rem}
.stack td::before{content:attr(data-head) " "}
.facts th{width:40%}.facts.three td.num{width:auto}
}
@media print{
body{font-size:11pt;background:#fff}nav,.readout{display:none}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.trace,.panel,tr,.bar-row,.certificate,.legend{break-inside:avoid}
table{font-size:8.5pt}th,td{padding-right:10px}.trace details{display:none}.scroll{overflow:visible}
h2,h3,.lede,.legend{break-after:avoid}
}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
"""


def style_sheet() -> str:
    """The whole style sheet as text."""
    shades = [f".v{VALUE_BINS // 2}{{background:var(--neutral)}}"]
    for index in range(VALUE_BINS):
        high, strength = bin_strength(index)
        if not strength:
            continue
        shades.append(f".v{index}{{background:rgb(var(--{'high' if high else 'low'})/{strength:.2f})}}")
    phases = [
        f".p{index}{{fill:rgb(var(--high)/{alpha});background:rgb(var(--high)/{alpha})}}"
        for index, alpha in enumerate((0.95, 0.55, 0.75, 0.35, 0.85, 0.2))
    ]
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    return "".join((f":root{{color-scheme:light dark;{_LIGHT}}}", dark, _RULES, *shades, *phases))
