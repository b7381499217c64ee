/** The light build of hls.js has no types of its own; it is the whole one without subtitles and DRM. */
declare module "hls.js/light" {
  export { default } from "hls.js";
}
