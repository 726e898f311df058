// The template tag of every component. Text in a template becomes a text node, never markup.
import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
