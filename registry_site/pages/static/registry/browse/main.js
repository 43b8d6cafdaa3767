// Entry point: each module attaches its event listeners to the elements that it finds on the page.
import { wireAliases } from "./aliases.js";
import { showFlash } from "./api.js";
import { wireCompare } from "./compare.js";
import { wireCopies } from "./copies.js";
import { wireDeletions } from "./deletions.js";
import { wireForms } from "./forms.js";
import { wireKeys } from "./keys.js";
import { wirePairs } from "./pairs.js";
import { wireSuggestions } from "./suggestions.js";
import { wireTimes } from "./times.js";
import { wireTokens } from "./tokens.js";
import { wireUploads } from "./uploads.js";
import { wireWords } from "./words.js";

showFlash();
wireTimes(document);
wireSuggestions(document);
wireWords();
wirePairs();
wireForms();
wireKeys();
wireCopies();
wireTokens();
wireUploads();
wireDeletions();
wireCopies();
wireAliases();
wireCompare();
