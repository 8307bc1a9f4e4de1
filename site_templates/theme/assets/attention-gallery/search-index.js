{#- Every page's title, headings and text. All strings are HTML without tags; theme.js decodes them.

Tags are cut by splitting: the filter `striptags` copies the whole page for every tag it finds. The
text is without the title, which stands above it, and without the marks of headings and footnotes. -#}
{%- if 'search' in config.plugins -%}
{%- import "parts/text.html" as text -%}
{%- set indexing = config.plugins['search'].config.indexing -%}
{%- set marks = ('a class="headerlink"', 'a class="footnote-') -%}
{%- macro plain(html) -%}
{%- for piece in html.split('<') if not piece.startswith(marks) -%}
{{ piece if loop.first else piece.partition('>')[2] }}
{%- endfor -%}
{%- endmacro -%}
{%- macro headings(items) -%}
{%- for item in items -%}
{%- if item.level > 1 %}[{{ item.id|tojson }},{{ text.from_html(item.title)|tojson }}],{% endif -%}
{{ headings(item.children) }}
{%- endfor -%}
{%- endmacro -%}
window.AttentionGallerySearch = [
{% for file in pages if file.page -%}
{%- set before, start, rest = (file.page.content or '').partition('<h1') -%}
{url:{{ file.page.url|tojson }},title:{{ text.title(file.page)|tojson }},headings:[
{%- if indexing != 'titles' %}{{ headings(file.page.toc) }}{% endif -%}
],text:
{%- if indexing == 'full' %}{{ plain(before ~ rest.partition('</h1>')[2]).split()|join(' ')|tojson }}{% else %}""{% endif -%}
},
{% endfor -%}
];
{%- endif %}
