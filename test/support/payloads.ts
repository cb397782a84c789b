/** What runs something, or loads something from elsewhere, where a text is taken for a page. */
const cores = [
  '<script>alert(1)</script>',
  '<ScRiPt src=https://evil.example/x.js></sCrIpT>',
  '<img src=x onerror=alert(1)>',
  '<img src="https://evil.example/leak.png?q=1">',
  '<img srcset="https://evil.example/leak.png 1x">',
  '<svg onload=alert(1)><script>alert(1)</script></svg>',
  '<svg><image href="https://evil.example/leak.svg"/></svg>',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<iframe src="javascript:alert(1)"></iframe>',
  '<object data="https://evil.example/x.swf"></object>',
  '<embed src="javascript:alert(1)">',
  '<video><source onerror=alert(1)></video>',
  '<audio src=https://evil.example/a.mp3 autoplay onloadstart=alert(1)>',
  '<details open ontoggle=alert(1)>x</details>',
  '<input autofocus onfocus=alert(1)>',
  '<body onload=alert(1)>',
  '<link rel=stylesheet href=https://evil.example/x.css>',
  '<style>@import "https://evil.example/x.css";*{background:url(https://evil.example/y)}</style>',
  '<meta http-equiv=refresh content="0;url=https://evil.example/">',
  '<base href="https://evil.example/">',
  '<form action="https://evil.example/"><button>Send</button></form>',
  '<a href="javascript:alert(1)">x</a>',
  '<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>',
  '</script><script>alert(1)</script>',
  '"><svg onload=alert(1)>',
  "' onmouseover='alert(1)",
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&#x3c;img src=x onerror=alert(1)&#x3e;',
  '\u202e<script>alert(1)</script>\u2066',
  '{"__html": "<img src=x onerror=alert(1)>"}',
  '{{alert(1)}} <%= alert(1) %> #{alert(1)}',
]

/** Places in Markdown where it could get out of being a text. */
const places: ((core: string) => string)[] = [
  core => core,
  core => `![${core}](https://evil.example/leak.png)`,
  core => `[${core}](javascript:alert(1))`,
  core => `[x](https://evil.example/"onmouseover="alert(1) '${core}')`,
  core => `\`\`\`html\n${core}\n\`\`\``,
  core => `| ${core.replaceAll('\n', ' ')} | b |\n|-|-|\n| \`${core}\` | 2 |`,
  core => `# ${core}\n\n> - ${core}`,
]

/** Links and images by themselves. */
const links = [
  '[click](javascript:alert(1))',
  '[click](JaVaScRiPt&colon;alert(1))',
  '[click](java\tscript:alert(1))',
  '[click](data:text/html,<script>alert(1)</script>)',
  '[click](vbscript:msgbox(1))',
  '[click](//evil.example/)',
  '[click](blob:https://evil.example/x)',
  '[click](\\u0001javascript:alert(1))',
  '<javascript:alert(1)>',
  '![x][1]\n\n[1]: https://evil.example/leak.png',
  '[![x](https://evil.example/leak.png)](javascript:alert(1))',
  '![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)',
  'https://evil.example/"><img src=x onerror=alert(1)>',
  '[attachment:../../../logout x.png, image/png, 1 bytes]',
  '[attachment:a" onerror="alert(1) x.png, image/png, 1 bytes]',
]

/** Texts that must stay texts wherever they are shown. */
export const payloads: readonly string[] = [...places.flatMap(place => cores.map(place)), ...links]

/** Matches whatever such a text must never become on a page. */
export const harm = [
  'script:not([src])',
  'script[src*="evil"]',
  'link[href*="evil"]',
  'iframe, object, embed, video, audio, base, math',
  'meta[http-equiv]',
  'main style, main svg image, main svg script, main svg animate',
  'form[action*="evil"]',
  'img:not([src="/favicon.svg"], [src^="/api/v1/attachments/"])',
  'a[href^="javascript:" i], a[href^="data:" i], a[href^="vbscript:" i], a[href^="blob:" i]',
  ...['error', 'load', 'mouseover', 'toggle', 'focus', 'begin', 'loadstart'].map(name => `[on${name}]`),
].join(', ')
