/**
 * On whose behalf KMS calls (`spec/xks.md` §2, requestMetadata). What is not there is not sent.
 */
export interface KeyRequestMetadata {
  /** the id of the KMS request that the caller sees */
  kmsRequestId: string;
  /** the KMS operation behind the call: `CreateKey`, `Encrypt`, `GenerateDataKey`, `Decrypt`, `ReEncrypt`, … */
  kmsOperation: string;
  /** ARN of the caller, or a service principal, or `AWS Internal` */
  awsPrincipalArn: string;
  /** always there but for CreateKey, when there is no key yet */
  kmsKeyArn?: string;
  awsSourceVpc?: string;
  awsSourceVpce?: string;
}

/** The same for Encrypt and Decrypt. */
export interface CryptoRequestMetadata extends KeyRequestMetadata {
  kmsKeyArn: string;
  /** value of `kms:ViaService` */
  kmsViaService?: string;
}
