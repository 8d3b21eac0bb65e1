export { cacheKey } from "./key.js";
