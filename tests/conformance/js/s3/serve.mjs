// An S3 server that checks signatures; prints its address once it listens. Its one key is S3RVER with the secret S3RVER.
import S3rver from "s3rver";

const [directory, bucket] = process.argv.slice(2);
const server = new S3rver({
  address: "127.0.0.1", port: 0, silent: true, directory, allowMismatchedSignatures: false,
  configureBuckets: [{ name: bucket, configs: [] }],
});
const address = await server.run();
console.log(`http://127.0.0.1:${address.port}`);
