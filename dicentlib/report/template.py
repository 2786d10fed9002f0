"""Look and form of the report: style sheet and Jinja2 templates.

The templates escape whatever they are given: a sample's name, a comment or a file name is text
and can never become markup.
"""

from jinja2 import Environment, StrictUndefined

CSS = """\
@page { size: A4; margin: 16mm 15mm; }
body { font: 14.5px/1.5 "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; color: #1d2329;
  max-width: 54rem; margin: 2.2rem auto 4rem; padding: 0 1.2rem; background: white; }
h1 { font-size: 1.65rem; line-height: 1.2; margin: 0 0 .3rem; font-weight: 600; }
h2 { font-size: 1.12rem; margin: 2.1rem 0 .6rem; padding-bottom: .25rem; font-weight: 600;
  border-bottom: 1px solid #b8c1ca; break-after: avoid; }
p { margin: .5rem 0; max-width: 46rem; }
.subtitle { color: #55606b; margin: 0 0 1.3rem; }
table { border-collapse: collapse; margin: .7rem 0 1rem; font-size: .92em;
  font-variant-numeric: tabular-nums; break-inside: avoid; }
caption { caption-side: top; text-align: left; font-weight: 600; padding-bottom: .35rem; }
th { text-align: left; font-weight: 600; border-bottom: 1.5px solid #55606b;
  padding: .28rem 1.1rem .28rem 0; vertical-align: bottom; }
td { padding: .28rem 1.1rem .28rem 0; border-bottom: 1px solid #e3e7eb; vertical-align: top;
  overflow-wrap: anywhere; }
th.number, td.number { text-align: right; white-space: nowrap; }
table.facts td:first-child { color: #55606b; width: 15rem; }
table.facts td { white-space: pre-line; }
table.wide { width: 100%; }
table.wide:not(.facts) td:first-child { min-width: 11rem; }
figure { margin: 1rem 0 1.2rem; break-inside: avoid; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption { color: #3d4751; font-size: .9em; margin-top: .35rem; max-width: 46rem; }
.headline { border: 1px solid #b8c1ca; border-left: 6px solid #0072B2; padding: .9rem 1.2rem;
  margin: 1.1rem 0; break-inside: avoid; }
.headline .label { color: #55606b; font-size: .9em; margin: 0; }
.headline .value { font-size: 1.75rem; font-weight: 600; margin: .1rem 0; line-height: 1.25; }
.headline p { margin: .25rem 0; }
.notice { border-left: 6px solid #E69F00; background: #fdf6e7; padding: .6rem 1.1rem;
  margin: .9rem 0; break-inside: avoid; }
.notice ul { margin: .3rem 0; padding-left: 1.1rem; }
.notice p { margin: .2rem 0; }
.missing { color: #8a939c; }
@media print { body { font-size: 10.5pt; margin: 0; padding: 0; max-width: none; }
  h2 { margin-top: 1.4rem; } }
"""

BLOCKS = """\
{% macro text(paragraphs) %}{% for one in paragraphs %}<p>{{ one }}</p>{% endfor %}{% endmacro %}

{% macro headline(label, value, sentences) %}
<div class="headline"><p class="label">{{ label }}</p><p class="value">{{ value }}</p>
{{ text(sentences) }}</div>
{% endmacro %}

{% macro notice(title, statements) %}
<div class="notice"><p><b>{{ title }}</b></p>
<ul>{% for one in statements %}<li>{{ one }}</li>{% endfor %}</ul></div>
{% endmacro %}

{% macro facts(entries) %}
<table class="facts wide">{% for name, value in entries.items() %}
<tr><td>{{ name }}</td><td>{% if value is none or value == "" %}\
<span class="missing">not stated</span>{% else %}{{ value }}{% endif %}</td></tr>
{% endfor %}</table>
{% endmacro %}

{% macro table(columns, rows, caption, wide) %}
<table{% if wide %} class="wide"{% endif %}>
{% if caption %}<caption>{{ caption }}</caption>{% endif %}
<thead><tr>{% for name, number in columns %}\
<th{% if number %} class="number"{% endif %}>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}
<tr>{% for _, number in columns %}\
<td{% if number %} class="number"{% endif %}>{{ row[loop.index0] }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
{% endmacro %}

{% macro figure(png, caption) %}
<figure><img alt="{{ caption }}" src="data:image/png;base64,{{ png }}">
<figcaption>{{ caption }}</figcaption></figure>
{% endmacro %}
"""

PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>{{ css | safe }}</style></head>
<body><h1>{{ title }}</h1><p class="subtitle">{{ subtitle }}</p>
{% for heading, blocks in sections.items() %}{% if heading %}<h2>{{ heading }}</h2>{% endif %}
{% for block in blocks %}{{ block }}{% endfor %}
{% endfor %}</body></html>
"""

_ENVIRONMENT = Environment(
    autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
)
blocks = _ENVIRONMENT.from_string(BLOCKS).module
page = _ENVIRONMENT.from_string(PAGE)
