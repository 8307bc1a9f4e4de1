{#- Every page's title, headings and text. All strings are HTML without tags; theme.js decodes them.

Tags are cut by splitting: the filter `striptags` copies the whole page for every tag it finds. -#}
{%- if 'search' in config.plugins -%}
{%- import "parts/text.html" as text -%}
{%- set indexing = config.plugins['search'].config.indexing -%}
{%- macro plain(html) -%}
{%- for piece in html.split('<') %}{{ piece if loop.first else piece.partition('>')[2] }}{% endfor -%}
{%- endmacro -%}
{%- macro headings(items) -%}
{%- for item in items -%}
{%- if item.level > 1 %}[{{ item.id|tojson }},{{ text.from_html(item.title)|tojson }}],{% endif -%}
{{ headings(item.children) }}
{%- endfor -%}
{%- endmacro -%}
window.AttentionGallerySearch = [
{% for file in pages if file.page -%}
{%- set content = file.page.content or '' -%}
{url:{{ file.page.url|tojson }},title:{{ text.title(file.page)|tojson }},headings:[
{%- if indexing != 'titles' %}{{ headings(file.page.toc) }}{% endif -%}
],text:
{%- if indexing == 'full' %}{{ plain(content).replace('&para;', '').split()|join(' ')|tojson }}{% else %}""{% endif -%}
},
{% endfor -%}
];
{%- endif %}
