"use strict";
// Numbers as `chart.packed` of Python sends them, back to typed arrays.

(function (newllm) {
  /**
   * @param {{kind: "range"|"delta"|"float", n: number, first?: number, by?: number, data?: string}} packed
   * @returns {Promise<Float64Array|Float32Array>} positions as 64 bits, values as 32
   */
  newllm.unpack = async function (packed) {
    if (packed.kind === "range") return Float64Array.from({ length: packed.n }, (_, at) => packed.first + at * packed.by);
    if (packed.kind !== "delta" && packed.kind !== "float") throw new Error(`numbers of an unknown kind: ${packed.kind}`);
    const bytes = await inflated(packed.data);
    if (bytes.byteLength !== 4 * packed.n) throw new Error(`${packed.n} numbers in ${bytes.byteLength} bytes`);
    // Both kinds are little-endian, as is every machine that has a browser.
    return packed.kind === "float" ? new Float32Array(bytes) : summed(new Int32Array(bytes));
  };

  async function inflated(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  }

  function summed(differences) {
    const sums = new Float64Array(differences.length);
    let sum = 0;
    for (let at = 0; at < sums.length; at++) sums[at] = sum += differences[at];
    return sums;
  }
})(window.newllm);
